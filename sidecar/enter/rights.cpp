#include "enter/rights.h"

#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <type_traits>

#include "enter/enter_error.h"

namespace dormouse::enter {
namespace {

struct Free {
  void operator()(cap_t sets) const { cap_free(sets); }
};
using Sets = std::unique_ptr<std::remove_pointer_t<cap_t>, Free>;

struct Capability {
  cap_value_t value;
  const char* name;
};
constexpr std::array<Capability, 6> kEntry = {{{CAP_SYS_PTRACE, "SYS_PTRACE"},
                                               {CAP_SYS_ADMIN, "SYS_ADMIN"},
                                               {CAP_SETUID, "SETUID"},
                                               {CAP_SETGID, "SETGID"},
                                               {CAP_SETPCAP, "SETPCAP"},
                                               {CAP_NET_RAW, "NET_RAW"}}};
constexpr std::array<cap_flag_t, 3> kFlags = {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE};

Sets readSets() {
  Sets sets(cap_get_proc());
  checkSystem(sets != nullptr, "this process's capabilities cannot be read");
  return sets;
}

bool has(const Sets& sets, cap_value_t capability, cap_flag_t flag) {
  cap_flag_value_t value = CAP_CLEAR;
  checkSystem(cap_get_flag(sets.get(), capability, flag, &value) == 0, "cap_get_flag");
  return value == CAP_SET;
}

// The kernel knows this capability: it need not be of libcap's age.
bool known(cap_value_t capability) {
  return cap_get_bound(capability) >= 0;
}

void verify(bool holds, const char* what) {
  if (!holds) {
    throw EnterError(std::string("rights were given up, but the kernel still shows ") + what);
  }
}

void verifySets() {
  const Sets sets = readSets();
  for (cap_value_t capability = 0; known(capability); ++capability) {
    for (const cap_flag_t flag : kFlags) {
      const bool wanted = capability == CAP_NET_RAW && flag == CAP_PERMITTED;
      verify(has(sets, capability, flag) == wanted, "other capabilities than CAP_NET_RAW");
    }
    verify(cap_get_bound(capability) == 0, "a bounding set that is not empty");
    verify(cap_get_ambient(capability) != 1, "ambient capabilities");
  }
}

void verifyIdentity() {
  uid_t uid = 0, effectiveUid = 0, savedUid = 0;
  gid_t gid = 0, effectiveGid = 0, savedGid = 0;
  verify(getresuid(&uid, &effectiveUid, &savedUid) == 0 && uid == kAgentUser &&
             effectiveUid == kAgentUser && savedUid == kAgentUser,
         "another user");
  verify(getresgid(&gid, &effectiveGid, &savedGid) == 0 && gid == kAgentUser &&
             effectiveGid == kAgentUser && savedGid == kAgentUser,
         "another group");
  verify(getgroups(0, nullptr) == 0, "supplementary groups");
  verify(setresuid(0, 0, 0) != 0, "a way back to uid 0");
  verify(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no no_new_privs");
  verify(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 0, "keepcaps");
}

}  // namespace

void demandEntryRights() {
  std::string missing;
  const Sets sets = readSets();
  for (const auto& [value, name] : kEntry) {
    if (has(sets, value, CAP_EFFECTIVE)) continue;
    missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  if (geteuid() == 0 && missing.empty()) return;
  throw EnterError(
      "entering another pod takes uid 0 and the capabilities SYS_PTRACE, SYS_ADMIN, SETUID, "
      "SETGID, "
      "SETPCAP and NET_RAW; " +
      (geteuid() != 0 ? "this is uid " + std::to_string(geteuid()) : "missing: " + missing));
}

void keepNetRawAlone() {
  // In this order: each step takes a capability that a later one gives up.
  for (cap_value_t capability = 0; known(capability); ++capability) {
    checkSystem(cap_drop_bound(capability) == 0, "the bounding set cannot be emptied");
  }
  checkSystem(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0, "PR_SET_KEEPCAPS");
  checkSystem(setgroups(0, nullptr) == 0, "setgroups");
  checkSystem(setresgid(kAgentUser, kAgentUser, kAgentUser) == 0, "setresgid");
  checkSystem(setresuid(kAgentUser, kAgentUser, kAgentUser) == 0, "setresuid");
  checkSystem(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0, "PR_SET_KEEPCAPS");

  const Sets kept(cap_init());
  checkSystem(kept != nullptr, "cap_init");
  const cap_value_t netRaw = CAP_NET_RAW;
  checkSystem(cap_set_flag(kept.get(), CAP_PERMITTED, 1, &netRaw, CAP_SET) == 0, "cap_set_flag");
  checkSystem(cap_set_proc(kept.get()) == 0, "capabilities cannot be given up");
  // The ambient set holds only what is inheritable: it is empty with that.
  checkSystem(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");

  verifySets();
  verifyIdentity();
}

}  // namespace dormouse::enter
