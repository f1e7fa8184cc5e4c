#include "client/follow/ports.h"

#include <algorithm>
#include <utility>

namespace dormouse::follow {
namespace {

// A program that opens more sockets than this has the oldest that never listened forgotten.
constexpr std::size_t kMostNotes = 4096;
constexpr Nanos kFirstLook = std::chrono::milliseconds(1);
constexpr Nanos kCalmLook = std::chrono::milliseconds(250);

// Workers that share a port (SO_REUSEPORT) have a socket each; traffic reaches all by one address.
bool sameAddress(OpenSocket a, const OpenSocket& b) {
  a.inode = b.inode;
  return a == b;
}

}  // namespace

Ports::Ports(PortMap map, bool tcp, bool udp) : map_(std::move(map)), tcp_(tcp), udp_(udp) {}

Ports::Note& Ports::note(std::uint64_t inode, TimePoint now) {
  if (notes_.size() >= kMostNotes && notes_.count(inode) == 0) {
    const auto oldest =
        std::min_element(notes_.begin(), notes_.end(), [](const auto& a, const auto& b) {
          return std::pair(a.second.open, a.second.at) < std::pair(b.second.open, b.second.at);
        });
    notes_.erase(oldest);
  }
  Note& note = notes_[inode];
  note.at = now;
  return note;
}

void Ports::noteBind(std::uint64_t inode, std::optional<std::uint16_t> port, TimePoint now) {
  Note& bound = note(inode, now);
  bound.bound = true;
  bound.chosen = !port ? Chosen::kUnknown : *port == 0 ? Chosen::kByKernel : Chosen::kByProgram;
}

void Ports::noteListen(std::uint64_t inode, TimePoint now) {
  note(inode, now);
}

void Ports::noteAll(const std::set<std::uint64_t>& inodes) {
  std::erase_if(notes_, [&](const auto& item) { return inodes.count(item.first) == 0; });
  for (const std::uint64_t inode : inodes) {
    notes_.try_emplace(inode, Note{true, false, Chosen::kUnknown, TimePoint()});
  }
}

bool Ports::serves(const OpenSocket& socket) const {
  const auto note = notes_.find(socket.inode);
  if (note == notes_.end()) return false;
  return socket.protocol == Protocol::kTcp ? tcp_ : udp_ && note->second.bound;
}

std::vector<PortChange> Ports::update(const OpenSockets& open) {
  std::map<LocalPort, OpenSockets> found;
  std::set<std::uint64_t> inodes;
  for (const OpenSocket& socket : open) {
    if (!serves(socket)) continue;
    inodes.insert(socket.inode);
    found[{socket.protocol, socket.port}].push_back(socket);
  }
  std::erase_if(
      notes_, [&](const auto& item) { return item.second.open && inodes.count(item.first) == 0; });
  for (const std::uint64_t inode : inodes) notes_[inode].open = true;

  std::vector<PortChange> changes;
  for (auto served = served_.begin(); served != served_.end();) {
    const auto place = found.find(served->first);
    const bool stays =
        place != found.end() &&
        std::any_of(place->second.begin(), place->second.end(), [&](const OpenSocket& socket) {
          return sameAddress(socket, served->second.socket);
        });
    if (stays) {
      found.erase(place);
      ++served;
      continue;
    }
    changes.push_back({PortChange::Kind::kClosed, served->first, served->second.remote, {}});
    served = served_.erase(served);
  }
  std::erase_if(leftOut_, [&](const LocalPort& port) { return found.count(port) == 0; });
  for (const auto& [port, sockets] : found) {
    const OpenSocket& best =
        *std::min_element(sockets.begin(), sockets.end(), [](const auto& a, const auto& b) {
          return std::pair(rankOf(a), a) < std::pair(rankOf(b), b);
        });
    const Chosen chosen = notes_.at(best.inode).chosen;
    if (const auto remote = map_.remoteOf(port.protocol, port.port, chosen)) {
      served_[port] = {best, *remote};
      changes.push_back({PortChange::Kind::kOpened, port, *remote, best});
    } else if (leftOut_.insert(port).second && port.protocol == Protocol::kTcp &&
               chosen == Chosen::kByKernel) {
      changes.push_back({PortChange::Kind::kLeftOut, port, 0, best});
    }
  }
  return changes;
}

TimePoint Ports::nextAt(TimePoint now) const {
  if (notes_.empty()) return TimePoint::max();
  Nanos wait = kCalmLook;
  for (const auto& [inode, note] : notes_) {
    if (!note.open) wait = std::min(wait, std::max(kFirstLook, (now - note.at) / 2));
  }
  return now + wait;
}

std::string nameOf(const LocalPort& port) {
  return (port.protocol == Protocol::kUdp ? "UDP port " : "port ") + std::to_string(port.port);
}

}  // namespace dormouse::follow
