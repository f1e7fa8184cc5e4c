#include <pcap.h>

#include <memory>
#include <stdexcept>

#include "capture/pcap_capture.h"

namespace dormouse::capture {

void checkFilter(const std::string& filter) {
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> dead(
      pcap_open_dead(DLT_LINUX_SLL2, PcapOptions().snaplen), &pcap_close);
  if (!dead) throw std::bad_alloc();
  bpf_program program{};
  if (pcap_compile(dead.get(), &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    throw std::runtime_error(std::string("the capture filter does not compile: ") +
                             pcap_geterr(dead.get()));
  }
  pcap_freecode(&program);
}

}  // namespace dormouse::capture
