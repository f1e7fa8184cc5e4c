#include "client/port_mirrors.h"

#include <algorithm>
#include <utility>

namespace dormouse::client {

void PortMirrors::open(const follow::LocalPort& port, std::unique_ptr<PortMirror> mirror) {
  open_[port] = std::move(mirror);
}

void PortMirrors::close(const follow::LocalPort& port) {
  const auto mirror = open_.find(port);
  if (mirror == open_.end()) return;
  mirror->second->stop();
  closing_.push_back(std::move(mirror->second));
  open_.erase(mirror);
}

void PortMirrors::closeAll() {
  allClosed_ = true;
  while (!open_.empty()) close(open_.begin()->first);
}

std::vector<PortMirror*> PortMirrors::all() const {
  std::vector<PortMirror*> all;
  all.reserve(open_.size() + closing_.size());
  for (const auto& [port, mirror] : open_) all.push_back(mirror.get());
  for (const auto& mirror : closing_) all.push_back(mirror.get());
  return all;
}

bool PortMirrors::readOn() {
  bool more = false;
  for (PortMirror* mirror : all()) more = mirror->readOn() || more;
  return more;
}

TimePoint PortMirrors::nextAt() const {
  TimePoint next = TimePoint::max();
  for (const PortMirror* mirror : all()) next = std::min(next, mirror->nextAt());
  return next;
}

void PortMirrors::tend() {
  for (PortMirror* mirror : all()) mirror->tend();
  std::erase_if(closing_, [this](const auto& mirror) {
    if (!mirror->over()) return false;
    const PortAccount account = mirror->account();
    if (account.runs == 0) return true;
    accounts_[mirror->name()].add(account);
    if (!allClosed_) display_.notice(mirror->name() + " is closed: " + account.verdict);
    return true;
  });
}

void PortMirrors::conclude() {
  PortAccount sum;
  for (const auto& [name, account] : accounts_) {
    sum.add(account);
    display_.podEnded(name, account.tally, accounts_.size() > 1 ? account.verdict : "");
  }
  const std::string verdict =
      accounts_.empty() ? "nothing was mirrored: the program opened no port for that" : sum.verdict;
  const bool complete = !accounts_.empty() && sum.tally.complete();
  display_.runEnded(sum.tally, sum.runs, 0, verdict,
                    complete ? ExitCode::kDelivered : ExitCode::kIncomplete);
}

}  // namespace dormouse::client
