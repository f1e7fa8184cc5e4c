// Work in a process of its own, for what cannot be taken back.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <string>

#include "enter/rights.h"

namespace dormouse::enter {

/// Runs `work` in a child, which has no other thread and whose rights are its own. What `work`
/// returns is empty if all is well, else what is not.
inline std::string inChild(const std::function<std::string()>& work) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::string fault;
    try {
      fault = work();
    } catch (const std::exception& error) {
      fault = std::string("threw: ") + error.what();
    }
    _exit(write(pipe[1], fault.data(), fault.size()) == static_cast<ssize_t>(fault.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string told;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(pipe[0], buffer, sizeof buffer)) > 0;) {
    told.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(pipe[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return told;
}

/// Empty if this process may do what a node Job's agent does; else why not, for a skip.
inline std::string whyNoEntry() {
  if (geteuid() != 0) return "needs root, to give its rights up";
  const auto change = [] { return setgid(kAgentUser) == 0 && setuid(kAgentUser) == 0 ? "" : "no"; };
  if (!inChild(change).empty()) return "needs a user namespace that has the user 65532";
  const auto demand = [] {
    demandEntryRights();
    return "";
  };
  return inChild(demand).empty() ? "" : "needs the capabilities of a node Job";
}

}  // namespace dormouse::enter
