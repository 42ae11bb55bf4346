//! `UnsafeCell` with loom's methods, which compile to nothing.

/// See `core::cell::UnsafeCell`.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T: ?Sized>(core::cell::UnsafeCell<T>);

/// Access to the content, to write. Under loom the access lasts as long as this exists.
#[derive(Debug)]
pub(crate) struct MutPtr<T: ?Sized>(*mut T);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(content: T) -> Self {
        Self(core::cell::UnsafeCell::new(content))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    pub(crate) fn get_mut(&self) -> MutPtr<T> {
        MutPtr(self.0.get())
    }
}

impl<T: ?Sized> MutPtr<T> {
    pub(crate) fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0)
    }
}
