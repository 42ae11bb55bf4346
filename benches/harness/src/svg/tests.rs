use super::*;

fn bar(label: &str, value: f64, spread: Option<(f64, f64)>, series: &str) -> Bar {
    Bar { label: label.into(), value, spread, series: series.into() }
}

fn group(bars: Vec<Bar>) -> Group {
    Group { title: "a group".into(), bars }
}

/// Every tag that is opened is closed, in order, and nothing stands outside the root.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg.trim();
    assert!(rest.starts_with("<svg "), "{rest}");
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a bare > in {:?}", &rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes in <{tag}>");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "in {svg}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
        assert!(!open.is_empty() || rest.is_empty(), "outside the root: {rest:?}");
    }
    assert_eq!(open, [""; 0]);
    for part in svg.split('&').skip(1) {
        let entity = part.split(';').next().expect("split gives one at least");
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&entity), "&{entity}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn bars_are_well_formed_xml_whatever_the_text() {
    let nasty = "<&>\"' ]]> \u{7} &amp; –";
    let svg = bars(nasty, nasty, &[group(vec![bar(nasty, 1.0, Some((0.5, 2.0)), nasty)])], nasty);
    assert_well_formed(&svg);
    assert!(svg.contains("&lt;&amp;&gt;&quot;&#39; ]]&gt;   &amp;amp; –"), "{svg}");
    assert!(!svg.contains('\u{7}'));
}

#[test]
fn zero_and_missing_values_draw_nothing_that_is_not_a_number() {
    for values in [
        vec![0.0, 0.0],
        vec![],
        vec![f64::NAN, f64::INFINITY],
        vec![0.0, 1e-9, 1e9],
        vec![0.0, 3.0, f64::NAN],
        vec![-1.0, 5.0],
    ] {
        let rows = values
            .iter()
            .flat_map(|v| [bar("x", *v, Some((*v, *v)), "s"), bar("x", *v, None, "")])
            .collect();
        assert_well_formed(&bars("t", "", &[group(rows)], "ns"));
        let cells = vec![values.iter().copied().map(Some).collect::<Vec<_>>(); values.len()];
        let labels: Vec<_> = (0..values.len()).map(|i| i.to_string()).collect();
        assert_well_formed(&heatmap("t", &labels, &cells, "ns"));
    }
    assert_well_formed(&bars("t", "s", &[], "ns"));
    assert!(
        bars("t", "", &[group(vec![bar("x", f64::NAN, None, "")])], "ns").contains("not measured")
    );
}

#[test]
fn a_longer_bar_is_a_larger_value_on_both_scales() {
    let lengths = |values: &[f64]| -> Vec<f64> {
        let axis = Axis::over(values.iter().copied());
        values.iter().map(|value| axis.place(*value)).collect()
    };
    for values in [[1.0, 2.0, 4.0], [1.0, 30.0, 1_000.0]] {
        let lengths = lengths(&values);
        assert!(lengths.is_sorted() && lengths[0] > 0.0, "{lengths:?}");
        assert!((lengths[2] - PLOT).abs() < 1e-9, "{lengths:?}");
    }
    assert!(!Axis::over([1.0, 39.0].into_iter()).logarithmic);
    assert!(Axis::over([1.0, 41.0].into_iter()).logarithmic);
}

#[test]
fn the_axis_says_when_it_is_logarithmic() {
    let chart = |high| {
        bars("t", "", &[group(vec![bar("a", 1.0, None, ""), bar("b", high, None, "")])], "ns")
    };
    assert!(chart(1_000.0).contains("logarithmic"));
    assert!(!chart(10.0).contains("logarithmic"));
}

#[test]
fn the_legend_names_each_series_once() {
    let rows = vec![
        bar("a", 1.0, None, "packed"),
        bar("b", 2.0, None, "padded"),
        bar("c", 3.0, None, "packed"),
    ];
    let svg = bars("t", "", &[group(rows)], "ns");
    assert_eq!(svg.matches(">packed</text>").count(), 1);
    assert_eq!(svg.matches(COLOURS[1]).count(), 2, "once in the legend, once as a bar");
}

#[test]
fn a_heat_map_shows_each_value_while_there_is_room() {
    let map = |n: usize| {
        let labels: Vec<_> = (0..n).map(|i| format!("core {i}")).collect();
        let matrix: Vec<Vec<_>> = (0..n)
            .map(|row| (0..n).map(|column| (row != column).then(|| count(row + column))).collect())
            .collect();
        heatmap("t", &labels, &matrix, "ns")
    };
    for n in [1, 2, 8, 16, 64] {
        assert_well_formed(&map(n));
    }
    assert_eq!(map(8).matches(">3.0</text>").count(), 4);
    assert_eq!(map(8).matches(">·</text>").count(), 8);
    assert_eq!(map(64).matches(">·</text>").count(), 0);
}
