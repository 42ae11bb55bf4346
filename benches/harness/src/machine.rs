//! What was measured on, and whether anything else was running there meanwhile.

use crate::pin::cores;
use std::{
    fmt, fs,
    path::Path,
    time::{Duration, Instant},
};

/// The machine, as a report names it. What the system does not tell is left out.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// The cores we may use.
    pub cores: Vec<usize>,
    /// How many cores are online.
    pub online: usize,
    /// "L1d 48 KiB, L2 1280 KiB, L3 49152 KiB, lines of 64 B", of the first core.
    pub caches: Option<String>,
    /// "Linux 6.8.0".
    pub system: String,
    /// What we are a guest of: then cores and caches are what the host presents, and neighbours that we
    /// cannot see share them. `None` on bare metal, as far as one can tell.
    pub guest: Option<String>,
    /// The compiler that built this program.
    pub rustc: String,
    /// The day, in UTC.
    pub date: String,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: Option<String>,
}

/// Describes the machine we are on.
pub fn describe() -> Machine {
    let cores = cores();
    Machine {
        cpu: cpu_model().unwrap_or_else(|| format!("{} processor", std::env::consts::ARCH)),
        online: std::thread::available_parallelism().map_or(1, usize::from).max(cores.len()),
        caches: caches(cores[0]),
        system: system(),
        guest: guest(),
        rustc: env!("LOCKLINE_RUSTC").to_owned(),
        date: time::OffsetDateTime::now_utc().date().to_string(),
        load: read("/proc/loadavg")
            .map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" ")),
        cores,
    }
}

/// One line: what a figure is worthless without.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.cores.len() == 1 { "" } else { "s" };
        write!(f, "{}, {} core{plural}", self.cpu, self.cores.len())?;
        if self.cores.len() < self.online {
            write!(f, " of {}", self.online)?;
        }
        match &self.guest {
            Some(host) => write!(f, " ({host}: cores and caches as it presents them)")?,
            None => write!(f, " (no hypervisor)")?,
        }
        if let Some(caches) = &self.caches {
            write!(f, " · {caches}")?;
        }
        write!(f, " · {} · {} · {}", self.system, self.rustc, self.date)?;
        if let Some(load) = &self.load {
            write!(f, " · load {load}")?;
        }
        Ok(())
    }
}

/// The text of a file, trimmed, if there is any.
fn read(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The value of `key` in a file of "key : value" lines.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then_some(value.trim())
    })
}

fn cpu_model() -> Option<String> {
    if cfg!(target_os = "macos") {
        let mut sysctl = std::process::Command::new("sysctl");
        let output = sysctl.args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
        return Some(String::from_utf8(output.stdout).ok()?.trim().to_owned());
    }
    let info = read("/proc/cpuinfo")?;
    // Arm names no model, but numbers that can be looked up.
    let arm = || {
        let implementer = field(&info, "CPU implementer")?;
        Some(format!("Arm, implementer {implementer}, part {}", field(&info, "CPU part")?))
    };
    field(&info, "model name").map(str::to_owned).or_else(arm)
}

fn caches(core: usize) -> Option<String> {
    let folder = format!("/sys/devices/system/cpu/cpu{core}/cache");
    let mut line = None;
    let mut parts: Vec<_> = (0..8)
        .filter_map(|index| {
            let of = |name| read(format!("{folder}/index{index}/{name}"));
            let kind = match of("type")?.as_str() {
                "Data" => "d",
                "Unified" => "",
                // Nothing that we measure depends on the cache for instructions.
                _ => return None,
            };
            line = line.take().or_else(|| of("coherency_line_size"));
            Some(format!("L{}{kind} {}", of("level")?, of("size")?.replace('K', " KiB")))
        })
        .collect();
    parts.extend(line.map(|bytes| format!("lines of {bytes} B")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn system() -> String {
    let release = read("/proc/sys/kernel/osrelease");
    let name = read("/proc/sys/kernel/ostype").unwrap_or_else(|| std::env::consts::OS.to_owned());
    release.map_or_else(|| name.clone(), |release| format!("{name} {release}"))
}

fn guest() -> Option<String> {
    let product = || {
        let of = |name| read(format!("/sys/class/dmi/id/{name}"));
        Some(format!("{} {}", of("sys_vendor")?, of("product_name")?))
    };
    let named = ["KVM", "QEMU", "VMware", "VirtualBox", "Xen", "Virtual Machine", "Google", "EC2"];
    let flag = read("/proc/cpuinfo").is_some_and(|info| {
        field(&info, "flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"))
    });
    let told = read("/sys/hypervisor/type")
        .or_else(product)
        .filter(|name| flag || named.iter().any(|known| name.contains(known)));
    match told {
        Some(name) => Some(format!("a guest of {name}")),
        None => flag.then(|| "a guest of a hypervisor".to_owned()),
    }
}

/// Watches for other users of the processor while something is measured.
#[derive(Debug)]
pub struct Watch {
    start: Instant,
    before: Option<Ticks>,
}

impl Watch {
    /// Starts to watch.
    pub fn start() -> Self {
        Self { start: Instant::now(), before: Ticks::now() }
    }

    /// What was seen until now. Time of child processes is ours once they have been waited for.
    pub fn so_far(&self) -> Load {
        let wall = self.start.elapsed();
        let seen = self.before.zip(Ticks::now());
        Load::new(wall, seen.map(|(before, after)| after.since(before)))
    }

    /// Whether the host kept the processor from us for longer than is measured well, also over a time so short that it
    /// is told in a few ticks: one may be due to rounding.
    pub fn is_disturbed(&self) -> bool {
        let seen = self.before.zip(Ticks::now());
        seen.is_some_and(|(before, after)| {
            is_disturbed(self.start.elapsed(), after.since(before).stolen)
        })
    }
}

/// Processor time since the system's start.
#[derive(Clone, Copy, Debug, Default)]
struct Ticks {
    /// All processes and interrupts.
    busy: Duration,
    /// Wanted by this system, and given to another one by the host.
    stolen: Duration,
    /// This process and its children.
    ours: Duration,
}

impl Ticks {
    #[cfg(target_os = "linux")]
    fn now() -> Option<Self> {
        // SAFETY: no arguments that could be wrong.
        let rate = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        let rate = u32::try_from(rate).ok().filter(|&rate| rate > 0)?;
        let stat = read("/proc/stat")?;
        let (busy, stolen) = busy_and_stolen(&stat)?;
        let time = |ticks: u64| Duration::from_secs(ticks) / rate;
        let ours = usage(libc::RUSAGE_SELF)? + usage(libc::RUSAGE_CHILDREN)?;
        Some(Self { busy: time(busy), stolen: time(stolen), ours })
    }

    #[cfg(not(target_os = "linux"))]
    fn now() -> Option<Self> {
        None
    }

    fn since(self, before: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(before.busy),
            stolen: self.stolen.saturating_sub(before.stolen),
            ours: self.ours.saturating_sub(before.ours),
        }
    }
}

/// The first line of /proc/stat: "cpu user nice system idle iowait irq softirq steal …", in ticks.
#[cfg(any(target_os = "linux", test))]
fn busy_and_stolen(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else {
        return None;
    };
    Some((user + nice + system + irq + softirq, steal))
}

/// CPU time that `who` has used.
#[cfg(target_os = "linux")]
fn usage(who: libc::c_int) -> Option<Duration> {
    // SAFETY: `rusage` is made of integers, for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is ours to be written.
    if unsafe { libc::getrusage(who, &raw mut usage) } != 0 {
        return None;
    }
    let time = |time: libc::timeval| {
        let micros = Duration::from_micros(u64::try_from(time.tv_usec).ok()?);
        Some(Duration::from_secs(u64::try_from(time.tv_sec).ok()?) + micros)
    };
    Some(time(usage.ru_utime)? + time(usage.ru_stime)?)
}

/// Who else used the processor.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many cores' worth of time other processes used. `None` where the system does not tell, or
    /// told over too short a time.
    pub others: Option<f64>,
    /// How many cores' worth of time the host kept from us, likewise.
    pub stolen: Option<f64>,
}

/// More than this share of a core, used by others, can change the order of what is compared.
const TOO_MUCH: f64 = 0.05;
/// What Linux counts time in, nearly everywhere.
const TICK: Duration = Duration::from_millis(10);

fn is_disturbed(wall: Duration, stolen: Duration) -> bool {
    stolen > TICK && stolen.as_secs_f64() > TOO_MUCH * wall.as_secs_f64()
}

impl Load {
    fn new(wall: Duration, seen: Option<Ticks>) -> Self {
        // Time is counted in ticks of 10 ms, so a shorter watch would report its own rounding.
        let seen = seen.filter(|_| wall >= Duration::from_millis(500));
        let cores = |time: Duration| time.as_secs_f64() / wall.as_secs_f64();
        Self {
            others: seen.map(|seen| cores(seen.busy.saturating_sub(seen.ours))),
            stolen: seen.map(|seen| cores(seen.stolen)),
        }
    }

    /// What a report must say, if others used more than 5 % of a core, or the host kept that much.
    pub fn warning(&self) -> Option<String> {
        let over = |used: Option<f64>| used.filter(|&used| used > TOO_MUCH);
        let percent = |used: f64| format!("{:.0} % of a core", used * 100.0);
        let parts: Vec<_> = [
            over(self.others).map(|used| format!("other processes used {}", percent(used))),
            over(self.stolen).map(|used| format!("the host kept {} from us", percent(used))),
        ]
        .into_iter()
        .flatten()
        .collect();
        let what = (!parts.is_empty()).then(|| parts.join(", "))?;
        Some(format!(
            "warning: the machine is loaded: {what} while we measured; do not trust ratios"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_names_what_matters() {
        let machine = describe();
        let line = machine.to_string();
        assert!(!machine.cores.is_empty());
        assert!(line.contains(&machine.cpu) && line.contains("rustc"), "{line}");
        let day = |c: char| c.is_ascii_digit() || c == '-';
        assert!(machine.date.len() == 10 && machine.date.chars().all(day), "{}", machine.date);
    }

    #[test]
    fn ticks_are_read_in_their_order() {
        let stat = "cpu  100 10 30 4000 50 3 7 20 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy_and_stolen(stat), Some((150, 20)));
        assert_eq!(busy_and_stolen("cpu  1 2 3\n"), None);
        assert_eq!(busy_and_stolen(""), None);
    }

    #[test]
    fn only_others_are_load() {
        let seconds = Duration::from_secs;
        let load = |busy, ours, stolen| {
            let seen = Ticks { busy: seconds(busy), ours: seconds(ours), stolen: seconds(stolen) };
            Load::new(seconds(100), Some(seen))
        };
        assert_eq!(load(200, 200, 0).warning(), None);
        assert_eq!(load(190, 200, 0).warning(), None, "rounding in our favour");
        assert_eq!(load(204, 200, 4).warning(), None);
        let warning = load(290, 200, 0).warning().expect("a loaded machine");
        assert!(warning.contains("loaded") && warning.contains("90 % of a core"), "{warning}");
        let warning = load(200, 200, 30).warning().expect("a crowded host");
        assert!(warning.contains("the host kept 30 %"), "{warning}");
    }

    #[test]
    fn a_tick_is_no_disturbance() {
        let millis = Duration::from_millis;
        assert!(!is_disturbed(millis(60), millis(0)));
        assert!(!is_disturbed(millis(60), millis(10)));
        assert!(is_disturbed(millis(60), millis(20)));
        assert!(!is_disturbed(millis(600), millis(30)));
        assert!(is_disturbed(millis(600), millis(40)));
    }

    #[test]
    fn too_short_to_tell() {
        let seen = Ticks { busy: Duration::from_secs(1), ..Ticks::default() };
        assert!(Load::new(Duration::from_millis(20), Some(seen)).others.is_none());
        assert!(Load::new(Duration::from_secs(2), None).warning().is_none());
    }

    #[test]
    fn fields_of_a_file() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags : a b";
        assert_eq!(field(text, "model name"), Some("Some CPU @ 2 GHz"));
        assert_eq!(field(text, "model"), None);
    }
}
