// CAP_NET_RAW for the moment that needs it and no longer.
#pragma once

#include <sys/capability.h>

#include <memory>
#include <stdexcept>
#include <type_traits>

namespace dormouse::capture {

/// The capability is missing. what() names it and says how to get it.
class MissingCapability : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Says that CAP_NET_RAW is missing, why (`cause`, a clause without a full stop) and what to do.
MissingCapability missingNetRaw(const char* cause);

/// CAP_NET_RAW is in the calling thread's effective set while this lives and not in it afterwards,
/// whatever it was before. Capabilities belong to threads (capabilities(7)): no other thread is
/// touched, and the destructor must run on the thread of the constructor.
class RaisedNetRaw {
 public:
  /// Throws MissingCapability if the permitted set does not contain it, std::system_error if the
  /// sets cannot be read or written.
  RaisedNetRaw();
  /// Ends the program if the capability cannot be lowered: it must never stay raised.
  ~RaisedNetRaw();
  RaisedNetRaw(const RaisedNetRaw&) = delete;
  RaisedNetRaw& operator=(const RaisedNetRaw&) = delete;

 private:
  struct Free {
    void operator()(cap_t sets) const { cap_free(sets); }
  };
  // Made before the raise, so that lowering needs no memory.
  std::unique_ptr<std::remove_pointer_t<cap_t>, Free> lowered_;
};

}  // namespace dormouse::capture
