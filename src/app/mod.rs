//! The demo application: one route table, one file an endpoint, the page.
