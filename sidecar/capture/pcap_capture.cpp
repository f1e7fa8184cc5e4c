#include "capture/pcap_capture.h"

#include <net/if.h>
#include <pcap.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <climits>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace dormouse::capture {
namespace {

// Always: one link type for every interface, with the interface's index and the direction in it.
constexpr const char* kDevice = "any";
// BPF_MAXINSNS of <linux/bpf_common.h>, whose other names are also pcap's: the most that a filter
// has.
constexpr std::size_t kMaxInstructions = 4096;

struct Close {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using Handle = std::unique_ptr<pcap_t, Close>;

std::runtime_error failure(const PcapOptions& options, const std::string& sentence) {
  return std::runtime_error("cannot capture on " + options.device + ": " + sentence);
}

// REQUIRES: `status` is negative, from a call on `handle`.
std::string explain(pcap_t* handle, int status) {
  const std::string detail = pcap_geterr(handle);
  if (status == PCAP_ERROR || detail.empty()) {
    return detail.empty() ? pcap_statustostr(status) : detail;
  }
  return std::string(pcap_statustostr(status)) + " (" + detail + ")";
}

// A single interface is captured as `any` with one more test: on a handle of its own libpcap 1.10
// cannot filter by direction in user space, and so loses what arrives between bind and filter.
std::string fullFilter(const PcapOptions& options) {
  if (options.device == kDevice) return options.filter;
  const unsigned index = if_nametoindex(options.device.c_str());
  if (index == 0) throw failure(options, std::generic_category().message(errno));
  const std::string test = "ifindex " + std::to_string(index);
  return options.filter.empty() ? test : test + " and (" + options.filter + ")";
}

void activate(pcap_t* handle, const PcapOptions& options) {
  int status = 0;
  {
    const RaisedNetRaw raised;
    status = pcap_activate(handle);
  }
  if (status == PCAP_ERROR_PERM_DENIED) throw missingNetRaw("the kernel refused a packet socket");
  // A positive status is a warning, such as one about time stamps.
  if (status < 0) throw failure(options, explain(handle, status));
}

Handle create(const PcapOptions& options) {
  if (options.ringBytes > INT_MAX) throw failure(options, "the ring is larger than 2 GiB");
  char error[PCAP_ERRBUF_SIZE] = "";
  Handle handle(pcap_create(kDevice, error));
  if (!handle) throw failure(options, error);
  const auto set = [&](int status, const char* what) {
    if (status != 0) throw failure(options, std::string(what) + ": " + pcap_statustostr(status));
  };
  set(pcap_set_snaplen(handle.get(), options.snaplen), "snapshot length");
  set(pcap_set_promisc(handle.get(), 0), "promiscuous mode");
  set(pcap_set_timeout(handle.get(), static_cast<int>(options.batch.count())), "time-out");
  set(pcap_set_immediate_mode(handle.get(), options.batch.count() == 0), "immediate mode");
  set(pcap_set_buffer_size(handle.get(), static_cast<int>(options.ringBytes)), "buffer size");
  set(pcap_set_tstamp_precision(handle.get(), PCAP_TSTAMP_PRECISION_NANO), "time stamps");
  return handle;
}

// libpcap falls back to filtering in user space with no more than a warning on stderr. Then every
// packet of the pod would be copied into the ring.
void requireKernelFilter(pcap_t* handle, const PcapOptions& options) {
  // Without room for instructions the kernel writes none, only their number, which the address
  // sanitizer takes for a number of bytes that were written: there must be as many.
  std::array<char, kMaxInstructions> unwritten{};
  socklen_t instructions = 0;
  const int got =
      getsockopt(pcap_fileno(handle), SOL_SOCKET, SO_GET_FILTER, unwritten.data(), &instructions);
  if (got == 0 && instructions == 0) {
    throw failure(options,
                  "the kernel did not take the filter (perhaps net.core.optmem_max is "
                  "too small for so many ports)");
  }
}

// Packets that are in the ring already came before the filter. libpcap runs the filter over these
// blocks itself; SLL2 carries in its header all that the filter asks for.
void setFilter(pcap_t* handle, const PcapOptions& options) {
  const std::string filter = fullFilter(options);
  bpf_program program{};
  if (pcap_compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    throw failure(options, std::string("the filter does not compile: ") + pcap_geterr(handle));
  }
  const int status = pcap_setfilter(handle, &program);
  pcap_freecode(&program);
  if (status != 0) throw failure(options, explain(handle, status));
  requireKernelFilter(handle, options);
}

class PcapCapture final : public Capture {
 public:
  explicit PcapCapture(Handle handle)
      : handle_(std::move(handle)), fd_(pcap_get_selectable_fd(handle_.get())) {
    kernelDrops();
    drops_ = 0;  // What was dropped before the filter was in force need not have passed it.
  }

  int fd() const override { return fd_; }
  LinkType linkType() const override { return LinkType::kLinuxSll2; }
  Taken dispatch(PacketHandler& handler, int limit) override;
  std::uint64_t kernelDrops() override;

 private:
  // What the callback needs; an exception must not pass through libpcap's C frames.
  struct Call {
    pcap_t* handle;
    PacketHandler* handler;
    std::size_t bytes = 0;
    std::exception_ptr thrown;
  };
  static void onPacket(u_char* user, const pcap_pkthdr* header, const u_char* bytes);

  Handle handle_;
  int fd_;
  std::uint64_t drops_ = 0;
  std::uint32_t lastDrops_ = 0;  // libpcap's counter has 32 bits and wraps.
};

void PcapCapture::onPacket(u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
  Call& call = *reinterpret_cast<Call*>(user);
  // With nanosecond precision the field named tv_usec holds nanoseconds.
  const Nanos since = std::chrono::seconds(header->ts.tv_sec) + Nanos(header->ts.tv_usec);
  call.bytes += header->caplen;
  try {
    call.handler->onPacket(RawPacket{WallTime(since), {bytes, header->caplen}, header->len});
  } catch (...) {
    call.thrown = std::current_exception();
    pcap_breakloop(call.handle);
  }
}

Taken PcapCapture::dispatch(PacketHandler& handler, int limit) {
  Call call{handle_.get(), &handler, 0, nullptr};
  const int count =
      pcap_dispatch(handle_.get(), limit, &onPacket, reinterpret_cast<u_char*>(&call));
  if (call.thrown) std::rethrow_exception(call.thrown);
  if (count < 0) throw std::runtime_error("the capture died: " + explain(handle_.get(), count));
  return {count, call.bytes};
}

std::uint64_t PcapCapture::kernelDrops() {
  pcap_stat stats{};
  if (pcap_stats(handle_.get(), &stats) == 0) {
    drops_ += static_cast<std::uint32_t>(stats.ps_drop - lastDrops_);
    lastDrops_ = stats.ps_drop;
  }
  return drops_;
}

}  // namespace

std::unique_ptr<Capture> openPcap(const PcapOptions& options) {
  Handle handle = create(options);
  activate(handle.get(), options);
  const int status = pcap_set_datalink(handle.get(), DLT_LINUX_SLL2);
  if (status != 0) throw failure(options, explain(handle.get(), status));
  setFilter(handle.get(), options);
  char error[PCAP_ERRBUF_SIZE] = "";
  if (pcap_setnonblock(handle.get(), 1, error) != 0) throw failure(options, error);
  return std::make_unique<PcapCapture>(std::move(handle));
}

}  // namespace dormouse::capture
