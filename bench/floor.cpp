// The floor of what a capture costs: libpcap that only counts, with the sidecar's own device, ring,
// batch and snapshot length. Usage: bench_floor FILTER [DEVICE]. Prints its counts at SIGTERM.
#include <pcap.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace {

void require(bool ok, const char* what, pcap_t* handle) {
  if (ok) return;
  std::fprintf(stderr, "bench_floor: %s: %s\n", what, handle ? pcap_geterr(handle) : "failed");
  std::exit(1);
}

pcap_t* openCapture(const char* device, const char* filter) {
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_t* handle = pcap_create(device, error);
  require(handle != nullptr, error, nullptr);
  pcap_set_snaplen(handle, 262144);
  pcap_set_timeout(handle, 5);
  pcap_set_buffer_size(handle, 8 << 20);
  pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
  require(pcap_activate(handle) >= 0, "activate", handle);
  if (pcap_datalink(handle) == DLT_LINUX_SLL) pcap_set_datalink(handle, DLT_LINUX_SLL2);
  bpf_program program{};
  require(pcap_compile(handle, &program, filter, 1, PCAP_NETMASK_UNKNOWN) == 0, "compile", handle);
  require(pcap_setfilter(handle, &program) == 0, "filter", handle);
  require(pcap_setnonblock(handle, 1, error) == 0, error, nullptr);
  return handle;
}

void count(u_char* packets, const pcap_pkthdr*, const u_char*) {
  ++*reinterpret_cast<unsigned long*>(packets);
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl", nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 2 || argc == 3, "usage: bench_floor FILTER [DEVICE]", nullptr);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  const int signals = signalfd(-1, &ends, SFD_CLOEXEC);
  pcap_t* const handle = openCapture(argc == 3 ? argv[2] : "any", argv[1]);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, signals);
  watch(epoll, pcap_get_selectable_fd(handle));
  std::printf("ready: 1\n");
  std::fflush(stdout);

  unsigned long packets = 0;
  for (bool running = true; running;) {
    epoll_event event{};
    if (epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == signals) running = false;
    require(pcap_dispatch(handle, -1, &count, reinterpret_cast<u_char*>(&packets)) >= 0, "dispatch",
            handle);
  }
  pcap_stat stats{};
  require(pcap_stats(handle, &stats) == 0, "statistics", handle);
  std::printf("packets: %lu\nkernel_drops: %u\n", packets, stats.ps_drop);
  pcap_close(handle);
  return 0;
}
