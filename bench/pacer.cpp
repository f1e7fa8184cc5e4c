// The load generator: HTTP/1 requests at a fixed rate, or as fast as answers come (--saturate), or
// one stream of bytes at a fixed rate (--bulk). Prints `name: value` lines.
#include "bench/pacer.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>

namespace {

// The nearest-rank percentile; 0 of nothing. REQUIRES: `sorted` is sorted.
std::uint32_t percentile(const std::vector<std::uint32_t>& sorted, unsigned percent) {
  if (sorted.empty()) return 0;
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

void printLoad(dormouse::bench::LoadResult result) {
  std::ranges::sort(result.micros);
  std::cout << "requests: " << result.requests << "\nerrors: " << result.errors
            << "\np50_us: " << percentile(result.micros, 50)
            << "\np99_us: " << percentile(result.micros, 99) << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  namespace po = boost::program_options;
  po::options_description options("bench_pacer");
  options.add_options()("help", "print this")("target", po::value<std::string>()->required(),
                                              "ADDRESS:PORT (IPv4)")(
      "connections", po::value<int>()->default_value(16), "keep-alive connections")(
      "rate", po::value<double>()->default_value(1000), "requests a second, over all connections")(
      "seconds", po::value<int>()->default_value(10), "how long")(
      "saturate", po::bool_switch(), "as fast as answers come, one request at a time on each")(
      "bulk", po::value<double>(), "one stream of bytes at this many Gbit/s instead of requests");
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, options), given);
  if (given.count("help") != 0) {
    std::cout << options;
    return 0;
  }
  po::notify(given);

  dormouse::bench::LoadOptions load;
  load.target = dormouse::bench::parseAddress(given["target"].as<std::string>());
  load.connections = given["connections"].as<int>();
  load.rate = given["rate"].as<double>();
  load.duration = std::chrono::seconds(given["seconds"].as<int>());
  if (load.connections < 1 || load.connections > 10'000 || load.duration.count() < 1 ||
      !(load.rate > 0)) {
    throw std::invalid_argument("connections (1 to 10000), seconds and rate must be positive");
  }
  if (given["saturate"].as<bool>()) load.rate = 0;
  if (given.count("bulk") == 0) {
    printLoad(dormouse::bench::runLoad(load));
    return 0;
  }
  const double gbit = given["bulk"].as<double>();
  if (!(gbit > 0)) throw std::invalid_argument("bulk must be positive");
  const std::uint64_t bytes = dormouse::bench::runBulk(load.target, gbit, load.duration);
  std::cout << "bytes: " << bytes << "\ngbit_per_s: "
            << static_cast<double>(bytes) * 8e-9 / static_cast<double>(load.duration.count())
            << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << "bench_pacer: " << error.what() << '\n';
  return 1;
}
