// Prints the kernel filter of a mirror of one TCP port, for the floor and tcpdump to use the same.
// Usage: bench_filter PORT
#include "capture/filter.h"

#include <array>
#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
  const int port = argc == 2 ? std::atoi(argv[1]) : 0;
  if (port < 1 || port > 65535) {
    std::cerr << "usage: bench_filter PORT\n";
    return 2;
  }
  const std::array<std::uint16_t, 1> ports = {static_cast<std::uint16_t>(port)};
  std::cout << dormouse::capture::reassemblyFilter(dormouse::capture::Transport::kTcp, ports)
            << '\n';
  return 0;
}
