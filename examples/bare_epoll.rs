//! The least a server on epoll(7) can do for a request: one recv(2), one send(2) of the same bytes each time; no parser,
//! no coroutine, one thread. The floor under `scripts/perf/http.sh`: what lies above it is the server's, below it the kernel's.
//!
//! Usage: bare_epoll PORT FILE (the whole answer, head and body)

use std::error::Error;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, IntoRawFd};

const USAGE: &str = "usage: bare_epoll PORT FILE";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, file] = arguments.as_slice() else { return Err(USAGE.into()) };
    let answer = std::fs::read(file)?;
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?))?;
    // SAFETY: epoll_create1(2) takes no pointer.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    let watch = |descriptor: libc::c_int, events: libc::c_int| {
        let mut event = libc::epoll_event { events: events as u32, u64: descriptor as u64 };
        // SAFETY: the event outlives the call.
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, descriptor, &mut event) }
    };
    watch(listener.as_raw_fd(), libc::EPOLLIN);
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; 512];
    let mut input = [0_u8; 8192];
    loop {
        // SAFETY: the kernel writes at most as many events as there is room for.
        let count = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), events.len() as libc::c_int, -1) };
        for event in &events[..count.max(0) as usize] {
            let descriptor = event.u64 as libc::c_int;
            if descriptor == listener.as_raw_fd() {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                watch(stream.into_raw_fd(), libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET);
                continue;
            }
            // SAFETY: the buffers outlive the calls, with their lengths; the descriptor is this loop's own.
            unsafe {
                if libc::recv(descriptor, input.as_mut_ptr().cast(), input.len(), 0) > 0 {
                    libc::send(descriptor, answer.as_ptr().cast(), answer.len(), libc::MSG_NOSIGNAL);
                } else {
                    libc::close(descriptor);
                }
            }
        }
    }
}
