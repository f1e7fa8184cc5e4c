// The way to one sidecar's control API.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/control_client.h"
#include "common/clock.h"

namespace dormouse::client {

/// Asked after each round of the loop. Owned by a Session; main thread only.
class Endpoint {
 public:
  enum class State : std::uint8_t {
    kOpening,  // open() was called.
    kOpen,     // client() leads there, as far as is known.
    kFailed,   // It does not, and trouble() says why.
    kGone,     // As kFailed, and it never will: there is no such pod any more.
    kUseless,  // As kFailed, and trying again would not help.
  };

  virtual ~Endpoint() = default;
  /// Begins, or begins anew.
  virtual void open() = 0;
  virtual void tend() = 0;
  virtual State state() const = 0;
  /// REQUIRES: kOpen. A client of its own, which may outlive this.
  virtual std::shared_ptr<const ControlClient> client() const = 0;
  /// What went wrong, or may explain why nobody answers; empty if nothing is known.
  virtual std::string trouble() const = 0;
  /// Whether open() may help when a stream has broken off.
  virtual bool reopens() const = 0;
};

/// A URL as the developer gave it: always open.
class UrlEndpoint final : public Endpoint {
 public:
  explicit UrlEndpoint(std::shared_ptr<const ControlClient> client) : client_(std::move(client)) {}
  void open() override {}
  void tend() override {}
  State state() const override { return State::kOpen; }
  std::shared_ptr<const ControlClient> client() const override { return client_; }
  std::string trouble() const override { return ""; }
  bool reopens() const override { return false; }

 private:
  std::shared_ptr<const ControlClient> client_;
};

}  // namespace dormouse::client
