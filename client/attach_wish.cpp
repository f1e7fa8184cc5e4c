#include "client/attach_wish.h"

#include <stdexcept>

#include "common/units.h"

namespace dormouse::client {
namespace {

// An agent that nobody has told what to mirror waits for a person who types.
constexpr std::chrono::minutes kIdleWithoutPorts{5};
constexpr std::chrono::hours kMostIdle{24};

}  // namespace

AttachWish attachWishOf(const boost::program_options::variables_map& values, bool withPorts) {
  AttachWish wish;
  wish.node = values["node"].as<bool>();
  if (values.count("image") != 0) wish.image = values["image"].as<std::string>();
  if (!withPorts) wish.idle = kIdleWithoutPorts;
  if (values.count("exit-when-idle") != 0) {
    const auto idle = parseDuration(values["exit-when-idle"].as<std::string>());
    if (!idle || *idle < std::chrono::seconds(1) || *idle > kMostIdle) {
      throw std::invalid_argument("--exit-when-idle: wanted is a time from 1s to 24h, such as 5m");
    }
    wish.idle = std::chrono::ceil<std::chrono::seconds>(*idle);
  }
  for (const char* name : {"token", "token-file", "as", "secret"}) {
    if (values.count(name) != 0) {
      throw std::invalid_argument(std::string("attach makes a token of its own: --") + name +
                                  " has no meaning here");
    }
  }
  return wish;
}

void refuseAttachOptions(const boost::program_options::variables_map& values) {
  for (const char* name : {"node", "image", "exit-when-idle"}) {
    if (values.count(name) != 0 && !values[name].defaulted()) {
      throw std::invalid_argument(std::string("--") + name + " belongs to attach");
    }
  }
}

}  // namespace dormouse::client
