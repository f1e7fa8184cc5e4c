#include "capture/filter.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace dormouse::capture {
namespace {

// Sent by this pod. On lo every packet is seen twice, leaving and arriving, and libpcap drops the
// leaving copy; lo is interface 1 in every network namespace (LOOPBACK_IFINDEX).
constexpr std::string_view kOwn = "((outbound and not ifindex 1) or (inbound and ifindex 1))";

// SYN, FIN or RST set, or total length unknown, or total length minus both headers not 0.
constexpr std::string_view kIpv4Matters =
    "(tcp[13] & 7 != 0 or ip[2:2] = 0 or "
    "ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0)";

// The same for IPv6, into which tcp[] does not index: the TCP header begins at 40, and the payload
// length does not count the IP header.
constexpr std::string_view kIpv6Matters =
    "(ip6[53] & 7 != 0 or ip6[4:2] = 0 or ip6[4:2] - ((ip6[52] & 0xf0) >> 2) != 0)";

// The next header is hop-by-hop, routing, fragment, authentication or destination options.
constexpr std::string_view kIpv6Extension =
    "(ip6 and (ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 51 or ip6[6] = 60))";

// "(dst port 80 or dst portrange 8080-8083)": one test for each run of neighbouring ports.
std::string portTest(std::string_view side, std::span<const std::uint16_t> ports) {
  std::vector<std::uint16_t> sorted(ports.begin(), ports.end());
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::unique(sorted);
  sorted.erase(repeated.begin(), repeated.end());

  std::string test;
  for (std::size_t first = 0; first < sorted.size();) {
    std::size_t last = first;
    while (last + 1 < sorted.size() && sorted[last + 1] - sorted[last] == 1) ++last;
    test.append(test.empty() ? "(" : " or ").append(side);
    test.append(first == last ? " port " : " portrange ").append(std::to_string(sorted[first]));
    if (first != last) test.append("-").append(std::to_string(sorted[last]));
    first = last + 1;
  }
  return test + ")";
}

std::string conjunction(std::initializer_list<std::string_view> terms) {
  std::string text;
  for (const std::string_view term : terms) {
    text.append(text.empty() ? "(" : " and ").append(term);
  }
  return text + ")";
}

}  // namespace

std::string reassemblyFilter(Transport transport, std::span<const std::uint16_t> ports,
                             bool responses) {
  const std::string to = portTest("dst", ports);
  if (transport == Transport::kUdp) {
    return "inbound and (" + conjunction({"udp", to}) + " or " + std::string(kIpv6Extension) + ")";
  }
  const std::string from = portTest("src", ports);
  const std::string own4 =
      conjunction({"ip and tcp", from, responses ? kIpv4Matters : "tcp[13] & 4 != 0"});
  const std::string own6 =
      conjunction({"ip6 and tcp", from, responses ? kIpv6Matters : "ip6[53] & 4 != 0"});
  const std::string extended = responses ? " or " + std::string(kIpv6Extension) : "";
  return "(inbound and (" + conjunction({"ip and tcp", to, kIpv4Matters}) + " or " +
         conjunction({"ip6 and tcp", to, kIpv6Matters}) + " or " + std::string(kIpv6Extension) +
         ")) or (" + std::string(kOwn) + " and (" + own4 + " or " + own6 + extended + "))";
}

std::string bothDirectionsFilter(Transport transport, std::span<const std::uint16_t> ports) {
  const std::string_view protocol = transport == Transport::kTcp ? "tcp" : "udp";
  return conjunction({protocol, "((inbound and " + portTest("dst", ports) + ") or " +
                                    conjunction({kOwn, portTest("src", ports)}) + ")"});
}

}  // namespace dormouse::capture
