#include "capture/capability.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace dormouse::capture {
namespace {

TEST(Capability, TheMessageNamesWhatIsMissingAndWhatToDo) {
  const std::string text = missingNetRaw("of a reason").what();
  for (const char* part : {"CAP_NET_RAW", "of a reason", "container", "cap_net_raw+p"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
}

// On a thread of its own, because a capability given up does not come back.
TEST(Capability, AThreadWithoutItIsToldSo) {
  std::thread([] {
    cap_t none = cap_init();
    ASSERT_EQ(cap_set_proc(none), 0);
    cap_free(none);
    EXPECT_THROW(RaisedNetRaw(), MissingCapability);
  }).join();
}

}  // namespace
}  // namespace dormouse::capture
