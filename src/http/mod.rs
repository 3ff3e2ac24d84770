//! HTTP/1.1 on coroutines. Knows nothing of the app.
