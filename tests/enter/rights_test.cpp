#include "enter/rights.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <string>

#include "child.h"
#include "enter/enter_error.h"

namespace dormouse::enter {
namespace {

std::map<std::string, std::string> ownStatus() {
  std::ifstream file("/proc/self/status");
  std::map<std::string, std::string> fields;
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    const auto value = line.find_first_not_of(" \t", colon + 1);
    fields[line.substr(0, colon)] = value == std::string::npos ? "" : line.substr(value);
  }
  return fields;
}

class Rights : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = whyNoEntry(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

TEST_F(Rights, NetRawIsAllThatIsLeft) {
  EXPECT_EQ(inChild([]() -> std::string {
              const std::array<gid_t, 2> groups = {10, 20};
              if (setgroups(groups.size(), groups.data()) != 0) return "no groups to lose";
              keepNetRawAlone();
              auto status = ownStatus();
              const std::map<std::string, std::string> wanted = {
                  {"Uid", "65532\t65532\t65532\t65532"},
                  {"Gid", "65532\t65532\t65532\t65532"},
                  {"Groups", ""},
                  {"NoNewPrivs", "1"},
                  {"CapInh", "0000000000000000"},
                  {"CapPrm", "0000000000002000"},  // CAP_NET_RAW is bit 13.
                  {"CapEff", "0000000000000000"},
                  {"CapBnd", "0000000000000000"},
                  {"CapAmb", "0000000000000000"}};
              std::string fault;
              for (const auto& [name, value] : wanted) {
                std::string found = status[name];
                while (found.ends_with(' ')) found.pop_back();
                if (found != value) fault += name + " is " + found + "\n";
              }
              return fault;
            }),
            "");
}

TEST_F(Rights, AChildHasNoMore) {
  EXPECT_EQ(inChild([] {
              keepNetRawAlone();
              return inChild([]() -> std::string {
                if (setuid(0) == 0) return "it is root again";
                return ownStatus()["CapPrm"] == "0000000000002000" ? "" : "other capabilities";
              });
            }),
            "");
}

TEST_F(Rights, WhatIsMissingIsNamed) {
  EXPECT_EQ(inChild([]() -> std::string {
              keepNetRawAlone();
              try {
                demandEntryRights();
              } catch (const EnterError& error) {
                const std::string text = error.what();
                return text.find("this is uid 65532") != std::string::npos ? "" : text;
              }
              return "nothing was demanded";
            }),
            "");
}

TEST(RightsOfAnybody, AreNotEnough) {
  EXPECT_NE(inChild([]() -> std::string {
              if (geteuid() == 0 && setuid(1) != 0) return "threw: not another user";
              demandEntryRights();
              return "";
            }).find("entering another pod takes uid 0"),
            std::string::npos);
}

}  // namespace
}  // namespace dormouse::enter
