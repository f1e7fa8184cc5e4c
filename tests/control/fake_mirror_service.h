// A mirror service that captures nothing and remembers what it was asked.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/problem.h"
#include "mirror/mirror_service.h"

namespace dormouse::test {

class FakeMirrorService final : public mirror::MirrorService {
 public:
  mirror::MirrorReport createPush(const std::string& owner, const wire::MirrorSpec& spec) override {
    const std::lock_guard lock(mutex_);
    return add(owner, spec, true);
  }

  std::unique_ptr<mirror::PendingStream> openStream(const std::string& owner,
                                                    const wire::MirrorSpec& spec) override {
    const std::lock_guard lock(mutex_);
    return std::make_unique<Pending>(*this, add(owner, spec, false).id);
  }

  std::vector<mirror::MirrorReport> list() override {
    const std::lock_guard lock(mutex_);
    std::vector<mirror::MirrorReport> all;
    for (const auto& [id, report] : reports_) all.push_back(report);
    return all;
  }

  mirror::MirrorReport find(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    return at(id);
  }

  mirror::MirrorReport end(const std::string& owner, const std::string& id) override {
    const std::lock_guard lock(mutex_);
    mirror::MirrorReport& report = at(id);
    if (report.owner != owner) throw Problem(403, "the mirror " + id + " is another caller's");
    finish(report, "deleted");
    return report;
  }

  std::vector<mirror::MirrorReport> endAll(const std::string& owner) override {
    const std::lock_guard lock(mutex_);
    std::vector<mirror::MirrorReport> ended;
    for (auto& [id, report] : reports_) {
      if (report.owner != owner || report.state == mirror::State::kEnded) continue;
      finish(report, "deleted");
      ended.push_back(report);
    }
    return ended;
  }

  mirror::AgentStatus status() override {
    const std::lock_guard lock(mutex_);
    if (broken) throw std::runtime_error("the fake is broken");
    mirror::AgentStatus status;
    status.version = "9.8.7";
    status.uptime = std::chrono::seconds(61);
    status.packetsSeen = 1234;
    status.kernelDrops = 5;
    status.wakes = reports_.size();
    for (const auto& [id, report] : reports_) {
      if (report.state == mirror::State::kActive) status.mirrors.push_back(report);
    }
    status.awake = !status.mirrors.empty();
    return status;
  }

  /// The socket of the last stream that was started; empty before.
  std::unique_ptr<StreamSocket> takeStream() {
    const std::lock_guard lock(mutex_);
    return std::move(stream_);
  }

  bool broken = false;
  /// If set, thrown by createPush and openStream.
  std::shared_ptr<Problem> refuse;

 private:
  class Pending final : public mirror::PendingStream {
   public:
    Pending(FakeMirrorService& service, std::string id) : service_(service), id_(std::move(id)) {}
    ~Pending() override {
      const std::lock_guard lock(service_.mutex_);
      if (!started_) service_.finish(service_.at(id_), "never started");
    }
    const std::string& id() const override { return id_; }
    void start(std::unique_ptr<StreamSocket> socket) override {
      const std::lock_guard lock(service_.mutex_);
      started_ = true;
      service_.stream_ = std::move(socket);
    }

   private:
    FakeMirrorService& service_;
    const std::string id_;
    bool started_ = false;
  };

  mirror::MirrorReport& at(const std::string& id) {
    const auto found = reports_.find(id);
    if (found == reports_.end()) throw Problem(404, "there is no mirror " + id);
    return found->second;
  }

  mirror::MirrorReport add(const std::string& owner, const wire::MirrorSpec& spec, bool push) {
    if (refuse) throw *refuse;
    mirror::MirrorReport report;
    report.id = "m-00000000000" + std::to_string(reports_.size() + 1);
    report.owner = owner;
    report.push = push;
    report.spec = spec;
    if (report.spec.ttl.count() == 0) report.spec.ttl = std::chrono::minutes(30);
    report.started = WallTime(std::chrono::seconds(1'700'000'000));
    report.expires = report.started + report.spec.ttl;
    report.ledger.connections.seen = 3;
    report.ledger.connections.delivered = 2;
    report.ledger.connections.skipped[static_cast<std::size_t>(Reason::kTls)] = 1;
    report.verdict = "2 of 3 connections delivered";
    reports_[report.id] = report;
    return report;
  }

  static void finish(mirror::MirrorReport& report, const std::string& why) {
    if (report.state == mirror::State::kEnded) return;
    report.state = mirror::State::kEnded;
    report.endedBecause = why;
  }

  std::mutex mutex_;
  std::map<std::string, mirror::MirrorReport> reports_;
  std::unique_ptr<StreamSocket> stream_;
};

}  // namespace dormouse::test
