// A directory that looks like /proc.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace dormouse::enter {

/// Removed at its end.
class FakeProc {
 public:
  FakeProc() {
    std::string name = (std::filesystem::temp_directory_path() / "proc-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  ~FakeProc() { std::filesystem::remove_all(root_); }
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  std::string root() const { return root_.string(); }

  /// A process in `cgroup` that began at `start` (clock ticks).
  void add(int pid, const std::string& cgroup, int start, const std::string& state = "S") const {
    const auto directory = root_ / std::to_string(pid);
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "cgroup") << "0::" << cgroup << "\n";
    std::ofstream(directory / "stat") << stat(pid, "app", start, state);
  }
  static std::string stat(int pid, const std::string& name, int start, const std::string& state) {
    std::string text = std::to_string(pid) + " (" + name + ") " + state;
    for (int field = 4; field < 22; ++field) text += " " + std::to_string(field);
    return text + " " + std::to_string(start) + " 23 24\n";
  }

 private:
  std::filesystem::path root_;
};

}  // namespace dormouse::enter
