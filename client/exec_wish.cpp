#include "client/exec_wish.h"

#include <algorithm>

namespace dormouse::client {

std::vector<std::string> takeBehindDashes(std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes == arguments.end()) return {};
  std::vector<std::string> behind(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  return behind;
}

}  // namespace dormouse::client
