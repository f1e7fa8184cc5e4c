#include "client/exec_arguments.h"

#include <algorithm>
#include <stdexcept>

#include "common/quote.h"

namespace dormouse::client {

std::vector<std::string> takeBehindDashes(std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes == arguments.end()) return {};
  std::vector<std::string> behind(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  return behind;
}

void readExec(Arguments& result, const boost::program_options::variables_map& values,
              const std::vector<std::string>& words) {
  if (!words.empty()) {
    throw UsageError("not understood: " + inQuotes(words.front()) +
                     "; the program stands behind --, its ports are seen when it opens them");
  }
  if (result.exec.command.empty()) {
    throw UsageError("no program: give it behind --, such as -- ./server --verbose");
  }
  if (values.count("to-host") != 0) throw UsageError("--to-host: exec knows where its program is");
  if (values.count("protocol") != 0) {
    result.exec.tcp = values["protocol"].as<std::string>() == "tcp";
    result.exec.udp = !result.exec.tcp;
  }
  if (values.count("map") == 0) return;
  for (const auto& pair : values["map"].as<std::vector<std::string>>()) {
    try {
      result.exec.map.add(pair);
    } catch (const std::invalid_argument& error) {
      throw UsageError(std::string("--map: ") + error.what());
    }
  }
}

}  // namespace dormouse::client
