//! The Notebook controller.
