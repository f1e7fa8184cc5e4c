// A sidecar that mirrors until it is told to stop, and what tests of pods say to and of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/client/fake_sidecar.h"
#include "tests/client/local_program.h"
#include "tests/client/stream.h"

namespace dormouse::client {

inline std::uint16_t portOf(const FakeSidecar& sidecar) {
  const std::string url = sidecar.url();
  return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

/// The records of a whole connection, with what begins a stream before them.
inline std::string one(std::uint64_t id, const std::string& bytes) {
  return Stream().open(id).data(id, bytes).close(id).text();
}

/// The last record of a stream of one delivered connection that the sidecar ended for a reason.
inline std::string ledgerBecause(const std::string& reason) {
  std::string report = reportJson(deliveredLedger(1));
  report.insert(1, R"("ended_because":")" + reason + "\",");
  std::vector<std::uint8_t> bytes;
  wire::appendLedger(bytes, report);
  return {bytes.begin(), bytes.end()};
}

/// A sidecar whose streams bring one connection and then last until they are deleted.
class LivingSidecar {
 public:
  explicit LivingSidecar(const std::string& bytes) {
    sidecar_.on("GET /v1/stream", [this, bytes](Call& call) {
      ++streams_;
      call.beginStream();
      call.send(one(1, bytes));
      deleted_.await();
      call.send(Stream().ledger(deliveredLedger(1)).text().substr(4));
    });
    sidecar_.on("DELETE /v1/mirrors/m-0123456789ab ", [this](Call& call) {
      deleted_.set();
      call.answer(200, reportJson(deliveredLedger(1)));
    });
  }
  ~LivingSidecar() { deleted_.set(); }

  FakeSidecar& sidecar() { return sidecar_; }
  std::uint16_t port() const { return portOf(sidecar_); }
  int streams() const { return streams_; }

 private:
  std::atomic<int> streams_ = 0;
  Flag deleted_;
  FakeSidecar sidecar_;  // Last: its scripts use the others.
};

/// A sidecar whose stream m-first brings one connection, and which ends that mirror for a reason.
class EndingSidecar {
 public:
  explicit EndingSidecar(const std::string& reason) {
    sidecar_.on("GET /v1/stream", [this, reason](Call& call) {
      call.beginStream("m-first");
      call.send(one(1, "first"));
      over_.await();
      call.send(ledgerBecause(reason));
    });
  }
  ~EndingSidecar() { end(); }

  void end() { over_.set(); }
  FakeSidecar& sidecar() { return sidecar_; }
  std::uint16_t port() const { return portOf(sidecar_); }

 private:
  Flag over_;
  FakeSidecar sidecar_;  // Last: its script uses the other.
};

}  // namespace dormouse::client
