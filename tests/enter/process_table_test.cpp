#include "enter/process_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "fake_proc.h"

namespace dormouse::enter {
namespace {

const std::string kId(64, 'a');
const std::string kOther(64, 'b');

TEST(ProcessTable, TheOldestProcessOfAContainerIsItsFirst) {
  const FakeProc proc;
  proc.add(1, "/init.scope", 1);
  proc.add(40, "/kubepods/podx/" + kId, 900);  // Its number was free again.
  proc.add(70, "/kubepods/podx/" + kId, 500);
  proc.add(71, "/kubepods/podx/" + kId, 500);
  proc.add(50, "/kubepods/podx/" + kOther, 100);
  const ProcessTable table(proc.root());
  EXPECT_EQ(table.firstOf(kId), 70);
  EXPECT_EQ(table.firstOf(kOther), 50);
  EXPECT_EQ(table.firstOf(std::string(64, 'c')), std::nullopt);
}

TEST(ProcessTable, AZombieIsNoProcess) {
  const FakeProc proc;
  proc.add(70, "/kubepods/podx/" + kId, 500, "Z");
  EXPECT_EQ(ProcessTable(proc.root()).firstOf(kId), std::nullopt);
  proc.add(80, "/kubepods/podx/" + kId, 600);
  EXPECT_EQ(ProcessTable(proc.root()).firstOf(kId), 80);
}

TEST(ProcessTable, WhatIsNoProcessIsPassedOver) {
  const FakeProc proc;
  for (const char* name : {"self", "12x", "-3", "0"}) {
    std::filesystem::create_directories(proc.root() + "/" + name);
  }
  std::filesystem::create_directories(proc.root() + "/90");  // It ends while it is looked at.
  EXPECT_EQ(ProcessTable(proc.root()).processes(), std::vector<pid_t>{90});
  EXPECT_EQ(ProcessTable(proc.root()).firstOf(kId), std::nullopt);
  EXPECT_TRUE(ProcessTable("/nowhere").processes().empty());
}

TEST(ProcessTable, ReadsTheKernels) {
  const ProcessTable table;
  const auto all = table.processes();
  EXPECT_NE(std::find(all.begin(), all.end(), getpid()), all.end());
  EXPECT_GT(table.started(getpid()).value_or(0), 0U);
  EXPECT_NE(table.mounts(getpid()).find(" /proc "), std::string::npos);
  EXPECT_FALSE(table.cgroups(getpid()).empty());
  EXPECT_EQ(access(table.networkNamespace(getpid()).c_str(), F_OK), 0);
}

TEST(ProcessTable, TheStartOfAProcessWithAnyName) {
  for (const char* name : {"app", "a b", "a) S 1 (b", ")", ""}) {
    EXPECT_EQ(startOfStat(FakeProc::stat(7, name, 12345, "S")), 12345U) << name;
  }
  EXPECT_EQ(startOfStat(FakeProc::stat(7, "app", 12345, "Z")), std::nullopt);
  EXPECT_EQ(startOfStat(FakeProc::stat(7, "app", 12345, "X")), std::nullopt);
  for (const char* text : {"", "7 (app)", "7 (app) S 1 2", "7 app S 4 5 6 7 8 9"}) {
    EXPECT_EQ(startOfStat(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace dormouse::enter
