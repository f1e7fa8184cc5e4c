#include "sink/target.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <charconv>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "common/problem.h"

namespace dormouse::sink {
namespace {

constexpr Nanos kResolveInterval = std::chrono::seconds(5);
constexpr std::size_t kMaxHost = 253;  // RFC 1035, 2.3.4, as text.

constexpr const char* kEcho = " is the mirrored pod itself: the mirror would mirror its own copies";
constexpr const char* kForbidden = " is not among the destinations that an administrator allows";

bool isNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
}

struct Objection {
  int status;
  std::string sentence;
};

/// Why this address must not be connected to; nothing if it may.
std::optional<Objection> objection(const IpAddress& address, const TargetName& name,
                                   const TargetPolicy& policy) {
  const std::string text = Endpoint{address, name.port}.toString();
  const auto& ports = policy.mirroredPorts;
  if (std::find(ports.begin(), ports.end(), name.port) != ports.end()) {
    const auto own = policy.ownAddresses();
    if (address.isLoopback() || address.isUnspecified() ||
        std::find(own.begin(), own.end(), address) != own.end()) {
      return Objection{400, text + kEcho};
    }
  }
  const bool allowed =
      std::any_of(policy.allowed.begin(), policy.allowed.end(),
                  [&](const Network& network) { return network.contains(address); });
  if (!allowed) {
    return Objection{403, text + kForbidden};
  }
  return std::nullopt;
}

}  // namespace

TargetName TargetName::parse(std::string_view to) {
  const auto wrong = [&](const std::string& what) {
    return std::invalid_argument("\"" + std::string(to.substr(0, 300)) +
                                 "\" is no HOST:PORT: " + what);
  };
  const bool bracketed = to.starts_with('[');
  const std::size_t end = bracketed ? to.find(']') : to.find(':');
  if (end == std::string_view::npos) {
    throw wrong(bracketed ? "the closing bracket is missing" : "the port is missing");
  }
  TargetName name;
  name.host = to.substr(bracketed ? 1 : 0, bracketed ? end - 1 : end);
  std::string_view rest = to.substr(bracketed ? end + 1 : end);
  if (!rest.starts_with(':')) throw wrong("the port is missing");
  rest.remove_prefix(1);
  if (!bracketed && rest.find(':') != std::string_view::npos) {
    throw wrong("an IPv6 address stands in brackets");
  }
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), name.port);
  if (error != std::errc() || stop != rest.data() + rest.size() || name.port == 0) {
    throw wrong("a port is a number from 1 to 65535");
  }
  name.literal = IpAddress::parse(name.host);
  if (bracketed) {
    if (!name.literal || name.host.find(':') == std::string::npos) {
      throw wrong("only an IPv6 address, without a zone, stands in brackets");
    }
  } else if (name.host.empty() || name.host.size() > kMaxHost ||
             !std::all_of(name.host.begin(), name.host.end(), isNameCharacter)) {
    throw wrong("the host is neither a name nor an address");
  }
  return name;
}

std::string TargetName::toString() const {
  if (literal) return Endpoint{*literal, port}.toString();
  return host + ":" + std::to_string(port);
}

/// One resolution's outcome.
struct Target::Addresses {
  std::vector<IpAddress> usable;  // Empty if there is a refusal.
  std::string refusal;
};

/// What the executor's tasks see.
struct Target::Shared {
  TargetName name;
  TargetPolicy policy;
  std::shared_ptr<Resolver> resolver;
  std::atomic<bool> resolving{false};

  std::shared_ptr<const Addresses> current() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return current_;
  }
  void set(std::shared_ptr<const Addresses> addresses) {
    const std::lock_guard<std::mutex> lock(mutex_);
    current_.swap(addresses);
  }

  /// On the executor. A name that cannot be resolved for once keeps its addresses.
  void resolveAgain() {
    try {
      auto addresses = std::make_shared<Addresses>();
      addresses->usable = resolver->resolve(name.host);
      for (const IpAddress& address : addresses->usable) {
        if (const auto refused = objection(address, name, policy)) {
          addresses->refusal = refused->sentence;
        }
      }
      if (!addresses->refusal.empty()) addresses->usable.clear();
      set(std::move(addresses));
    } catch (const std::exception&) {
      // The next connection asks again.
    }
    resolving = false;
  }

 private:
  mutable std::mutex mutex_;  // Held for the copying of a pointer only.
  std::shared_ptr<const Addresses> current_;
};

Target::Target(std::string_view to, TargetPolicy policy, std::shared_ptr<Resolver> resolver,
               Executor& executor, const Clock& clock)
    : shared_(std::make_shared<Shared>()), executor_(executor), resolved_(clock.now()) {
  if (policy.allowed.empty()) {
    throw Problem(403, "to: push mirrors are off until an administrator allows destinations", "to");
  }
  auto addresses = std::make_shared<Addresses>();
  try {
    shared_->name = TargetName::parse(to);
    const TargetName& name = shared_->name;
    addresses->usable =
        name.literal ? std::vector<IpAddress>{*name.literal} : resolver->resolve(name.host);
  } catch (const std::invalid_argument& error) {
    throw Problem(400, std::string("to: ") + error.what(), "to");
  } catch (const ResolveError& error) {
    throw Problem(400, "to: " + shared_->name.host + " cannot be resolved: " + error.what(), "to");
  }
  for (const IpAddress& address : addresses->usable) {
    if (const auto refused = objection(address, shared_->name, policy)) {
      throw Problem(refused->status, "to: " + refused->sentence, "to");
    }
  }
  shared_->policy = std::move(policy);
  shared_->resolver = std::move(resolver);
  shared_->set(std::move(addresses));
}

Target::~Target() = default;

std::optional<Endpoint> Target::next(TimePoint now) {
  if (!shared_->name.literal) resolveAgain(now);
  const auto addresses = shared_->current();
  if (addresses->usable.empty()) {
    refusal_ = addresses->refusal;
    return std::nullopt;
  }
  return Endpoint{addresses->usable[turn_ % addresses->usable.size()], shared_->name.port};
}

void Target::failed(const Endpoint& endpoint) {
  const auto addresses = shared_->current();
  if (addresses->usable.empty()) return;
  // Many connections may report the same failure: only the first turns away from it.
  turn_ %= addresses->usable.size();
  if (addresses->usable[turn_] == endpoint.address) ++turn_;
}

void Target::resolveAgain(TimePoint now) {
  if (now - resolved_ < kResolveInterval || shared_->resolving.exchange(true)) return;
  resolved_ = now;
  executor_.post([shared = shared_] { shared->resolveAgain(); });
}

std::string Target::describe(const Endpoint& endpoint) const {
  const std::string name = shared_->name.toString();
  return shared_->name.literal ? name : name + " (" + endpoint.address.toString() + ")";
}

}  // namespace dormouse::sink
