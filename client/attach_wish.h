// What the command line says of an agent that is to come into a pod.
#pragma once

#include <boost/program_options/variables_map.hpp>
#include <chrono>
#include <string>

namespace dormouse::client {

/// How an agent is to come into a pod that was not prepared.
struct AttachWish {
  bool node = false;              // By a Job on the pod's node; else as an ephemeral container.
  std::string container;          // Of the pod, to end with; empty: none.
  std::string image;              // Empty: the admin's.
  std::chrono::seconds idle{30};  // It ends after so long without a mirror.
};

/// Of `attach`. `withPorts`: it mirrors at once. The container is not in it. Throws
/// std::invalid_argument with a sentence.
AttachWish attachWishOf(const boost::program_options::variables_map& values, bool withPorts);

/// Of the other commands. Throws std::invalid_argument if an option is given that belongs to
/// attach.
void refuseAttachOptions(const boost::program_options::variables_map& values);

}  // namespace dormouse::client
