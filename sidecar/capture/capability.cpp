#include "capture/capability.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace dormouse::capture {
namespace {

void check(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

void setEffective(cap_t sets, cap_flag_value_t value) {
  const cap_value_t netRaw = CAP_NET_RAW;
  check(cap_set_flag(sets, CAP_EFFECTIVE, 1, &netRaw, value) == 0, "cap_set_flag");
}

}  // namespace

MissingCapability missingNetRaw(const char* cause) {
  return MissingCapability(std::string("capturing needs the capability CAP_NET_RAW, but ") + cause +
                           ": the container must have NET_RAW (securityContext.capabilities.add), "
                           "and the binary the file capability cap_net_raw+p");
}

RaisedNetRaw::RaisedNetRaw() : lowered_(cap_get_proc()) {
  check(lowered_ != nullptr, "cap_get_proc");
  cap_flag_value_t permitted = CAP_CLEAR;
  check(cap_get_flag(lowered_.get(), CAP_NET_RAW, CAP_PERMITTED, &permitted) == 0, "cap_get_flag");
  if (permitted != CAP_SET) throw missingNetRaw("this process is not permitted it");

  setEffective(lowered_.get(), CAP_CLEAR);
  const std::unique_ptr<std::remove_pointer_t<cap_t>, Free> raised(cap_dup(lowered_.get()));
  check(raised != nullptr, "cap_dup");
  setEffective(raised.get(), CAP_SET);
  check(cap_set_proc(raised.get()) == 0, "cannot raise CAP_NET_RAW to effective");
}

RaisedNetRaw::~RaisedNetRaw() {
  // The kernel refuses no one who gives a capability up. Should it do so all the same, to go on
  // with a capability that everyone believes lowered would be worse than to stop.
  if (cap_set_proc(lowered_.get()) != 0) std::abort();
}

}  // namespace dormouse::capture
