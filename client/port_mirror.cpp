#include "client/port_mirror.h"

#include <map>
#include <utility>

namespace dormouse::client {
namespace {

Poco::Net::SocketAddress targetOf(const follow::OpenSocket& socket) {
  const follow::Destination to = follow::destinationOf(socket);
  return {reinterpret_cast<const sockaddr*>(&to.address), to.length};
}

Arguments argumentsFor(const follow::PortChange& change, const Arguments& arguments,
                       const ChosenPods& chosen) {
  Arguments own = arguments;
  own.pairs = {{change.remote, change.local.port}};
  own.spec.protocol =
      change.local.protocol == follow::Protocol::kUdp ? wire::Protocol::kUdp : wire::Protocol::kTcp;
  usePodPorts(own, chosen);
  return own;
}

std::string nameOf(const Arguments& arguments, const Poco::Net::SocketAddress& target) {
  const bool udp = arguments.spec.protocol == wire::Protocol::kUdp;
  return std::string(udp ? "UDP port " : "port ") + std::to_string(arguments.pairs[0].remote) +
         " to " + target.toString();
}

}  // namespace

void PortAccount::add(const PortAccount& more) {
  tally.add(more.tally);
  runs += more.runs;
  verdict = more.runs == runs ? more.verdict : tally.verdict("");
}

PortMirror::PortMirror(const follow::PortChange& change, const Arguments& arguments,
                       const ChosenPods& chosen, const std::string& token, const Kubectl* kubectl,
                       EventLoop& loop, const Clock& clock, Display& display)
    : arguments_(argumentsFor(change, arguments, chosen)),
      display_(display),
      ports_({{arguments_.pairs[0].remote, targetOf(change.socket)}}, arguments.bufferBytes,
             [&display](const std::string& sentence) { display.notice(sentence); }),
      context_{ports_, loop, clock, display, nameOf(arguments_, targetOf(change.socket))} {
  begin(chosen, token, kubectl);
}

void PortMirror::begin(const ChosenPods& chosen, const std::string& token, const Kubectl* kubectl) {
  try {
    fleet_ = kubectl == nullptr
                 ? std::make_unique<Fleet>(arguments_, context_)
                 : std::make_unique<Fleet>(arguments_, chosen, token, *kubectl, context_);
  } catch (const std::runtime_error& error) {  // ClusterError, ControlError
    display_.notice(name() + " is not mirrored: " + error.what());
  }
}

void PortMirror::tend() {
  if (!fleet_) return;
  fleet_->tend();
  if (!over() || std::exchange(announced_, true)) return;
  const Session& first = *fleet_->sessions().front();
  const PortAccount brought = account();
  if (brought.runs == 0) {
    if (!stopping_) display_.notice(name() + " is not mirrored: " + first.refusal());
  } else if (!stopping_) {
    display_.notice(name() + ": the mirror has ended, the program goes on: " + brought.verdict);
  }
}

void PortMirror::stop() {
  if (std::exchange(stopping_, true) || over()) return;
  fleet_->stop();
}

PortAccount PortMirror::account() const {
  PortAccount account;
  if (!fleet_) return account;
  for (const auto& session : fleet_->sessions()) {
    if (!session->refusal().empty()) continue;
    account.add({session->tally(), 1, session->verdict()});
  }
  return account;
}

}  // namespace dormouse::client
