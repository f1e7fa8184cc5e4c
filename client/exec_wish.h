// What the command line says of the program that `exec` starts.
#pragma once

#include <string>
#include <vector>

#include "client/follow/port_map.h"

namespace dormouse::client {

struct ExecWish {
  std::vector<std::string> command;  // Not empty with Command::kExec.
  follow::PortMap map;
  bool tcp = true;  // Which ports are followed,
  bool udp = true;  // by --protocol one of them.
};

}  // namespace dormouse::client
