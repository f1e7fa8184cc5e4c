#include "common/open_connections.h"

#include <sys/socket.h>

namespace dormouse {

void OpenConnections::end(Entry& entry) {
  ::shutdown(entry.fd, SHUT_RDWR);
  entry.ending = true;
}

OpenConnections::Id OpenConnections::add(int fd) {
  const std::lock_guard lock(mutex_);
  const Id id = ++lastId_;
  Entry& entry = entries_[id];
  entry.fd = fd;
  if (stopping_) end(entry);
  return id;
}

void OpenConnections::remove(Id id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
}

void OpenConnections::setServing(Id id, bool serving) {
  const std::lock_guard lock(mutex_);
  entries_.at(id).serving = serving;
}

void OpenConnections::trust(Id id) {
  const std::lock_guard lock(mutex_);
  entries_.at(id).trusted = true;
}

void OpenConnections::makeRoom(std::size_t limit) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() < limit) return;
  Entry* victim = nullptr;
  for (auto& [id, entry] : entries_) {
    if (entry.serving || entry.ending) continue;
    if (victim == nullptr || (victim->trusted && !entry.trusted)) victim = &entry;
  }
  if (victim != nullptr) end(*victim);
}

void OpenConnections::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (auto& [id, entry] : entries_) end(entry);
}

bool OpenConnections::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace dormouse
