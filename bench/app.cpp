// The application of the benchmark: answers every HTTP/1 request with 200 and a small body on
// keep-alive connections, or reads and forgets whatever comes (--discard). Prints the port it
// listens on and, in discard mode, at SIGTERM how many bytes came.
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <array>
#include <boost/program_options.hpp>
#include <csignal>
#include <iostream>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "bench/sockets.h"

namespace {

using dormouse::bench::check;

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
constexpr std::string_view kEndOfHead = "\r\n\r\n";

// One epoll loop. Requests are counted by the blank line that ends their heads: they have no body.
class App {
 public:
  App(const std::string& listen, bool discard) : discard_(discard) {
    sockaddr_in address = dormouse::bench::parseAddress(listen);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(listener_ >= 0, "socket");
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    check(bind(listener_, generic, size) == 0, "bind");
    check(::listen(listener_, 4096) == 0, "listen");
    check(getsockname(listener_, generic, &size) == 0, "getsockname");
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    signals_ = signalfd(-1, &ends, SFD_CLOEXEC);
    watch(signals_);
    watch(listener_);
    std::cout << "port: " << ntohs(address.sin_port) << '\n' << std::flush;
  }

  void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == signals_) {
          std::cout << (discard_ ? "bytes: " : "requests: ") << served_ << '\n';
          return;
        }
        if (fd == listener_) {
          accept();
        } else {
          serve(fd);
        }
      }
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    check(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }

  void accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      matched_[fd] = 0;
      watch(fd);
    }
  }

  void serve(int fd) {
    const ssize_t got = recv(fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || (!discard_ && !answer(fd, {buffer_.data(), static_cast<std::size_t>(got)}))) {
      matched_.erase(fd);
      close(fd);
      return;
    }
    if (discard_) served_ += static_cast<std::uint64_t>(got);
  }

  // False if the answer does not fit: a client that does not read is no client of a benchmark.
  bool answer(int fd, std::string_view bytes) {
    std::size_t& matched = matched_[fd];
    for (const char byte : bytes) {
      matched = byte == kEndOfHead[matched] ? matched + 1 : (byte == '\r' ? 1 : 0);
      if (matched < kEndOfHead.size()) continue;
      matched = 0;
      ++served_;
      const ssize_t sent = send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
      if (sent != static_cast<ssize_t>(kAnswer.size())) return false;
    }
    return true;
  }

  const bool discard_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int listener_ = -1;
  int signals_ = -1;
  std::uint64_t served_ = 0;
  std::array<char, 1 << 18> buffer_{};
  std::unordered_map<int, std::size_t> matched_;  // Bytes of kEndOfHead seen so far.
};

}  // namespace

int main(int argc, char** argv) try {
  namespace po = boost::program_options;
  po::options_description options("bench_app");
  options.add_options()("help", "print this")(
      "listen", po::value<std::string>()->default_value("127.0.0.1:0"), "ADDRESS:PORT")(
      "discard", po::bool_switch(), "read and forget instead of answering");
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, options), given);
  po::notify(given);
  if (given.count("help") != 0) {
    std::cout << options;
    return 0;
  }
  const auto app =
      std::make_unique<App>(given["listen"].as<std::string>(), given["discard"].as<bool>());
  app->run();
  return 0;
} catch (const std::exception& error) {
  std::cerr << "bench_app: " << error.what() << '\n';
  return 1;
}
