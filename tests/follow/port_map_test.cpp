// --map, and the ports that the kernel chooses.
#include "client/follow/port_map.h"

#include <gtest/gtest.h>

namespace dormouse::follow {
namespace {

TEST(PortMap, IsTheSameNumberUnlessToldOtherwise) {
  PortMap map;
  map.add("3000:8080");
  map.add("9229:none");
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 3000, Chosen::kByProgram), 8080);
  EXPECT_EQ(map.remoteOf(Protocol::kUdp, 3000, Chosen::kByProgram), 8080);
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 9229, Chosen::kByProgram), std::nullopt);
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 50051, Chosen::kByProgram), 50051);
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 50051, Chosen::kUnknown), 50051);
}

TEST(PortMap, WhatTheKernelChoseBelongsToZero) {
  PortMap map;
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 40000, Chosen::kByKernel), std::nullopt);
  map.add("0:8080");
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 40000, Chosen::kByKernel), 8080);
  EXPECT_EQ(map.remoteOf(Protocol::kUdp, 40000, Chosen::kByKernel), std::nullopt);
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 40000, Chosen::kByProgram), 40000);
}

TEST(PortMap, GuessesByTheKernelsRangeWhereNobodySaw) {
  PortMap map;
  map.add("0:8080");
  map.setKernelRange(parsePortRange("20000\t20010\n"));
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 20010, Chosen::kUnknown), 8080);
  EXPECT_EQ(map.remoteOf(Protocol::kTcp, 20011, Chosen::kUnknown), 20011);
}

TEST(PortMap, RefusesWhatIsNoPair) {
  for (const char* bad : {"", "3000", "3000:", ":8080", "3000:0", "3000:65536", "70000:1",
                          "3000:8080:1", "a:b", "3000:None", "-1:80"}) {
    EXPECT_THROW(PortMap().add(bad), std::invalid_argument) << bad;
  }
  PortMap map;
  map.add("3000:8080");
  EXPECT_THROW(map.add("3000:9090"), std::invalid_argument);
}

TEST(PortMap, ARangeThatMakesNoSenseIsLinuxsOwn) {
  for (const char* bad : {"", "1", "20000\t", "0 5", "6 5", "a b", "1 99999"}) {
    EXPECT_EQ(parsePortRange(bad).first, 32768) << bad;
    EXPECT_EQ(parsePortRange(bad).last, 60999) << bad;
  }
}

}  // namespace
}  // namespace dormouse::follow
