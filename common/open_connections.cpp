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
  changed_.notify_one();
}

void OpenConnections::setServing(Id id, bool serving) {
  const std::lock_guard lock(mutex_);
  entries_.at(id).serving = serving;
  if (!serving) changed_.notify_one();
}

void OpenConnections::trust(Id id) {
  const std::lock_guard lock(mutex_);
  entries_.at(id).trusted = true;
}

void OpenConnections::endLeastUseful() {
  Entry* victim = nullptr;
  for (auto& [id, entry] : entries_) {
    if (entry.ending) return;  // Its place will be free in a moment.
    if (entry.serving) continue;
    if (victim == nullptr || (victim->trusted && !entry.trusted)) victim = &entry;
  }
  if (victim != nullptr) end(*victim);
}

bool OpenConnections::awaitRoom(std::size_t limit) {
  std::unique_lock lock(mutex_);
  while (!stopping_ && entries_.size() >= limit) {
    endLeastUseful();
    changed_.wait(lock);
  }
  return !stopping_;
}

void OpenConnections::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (auto& [id, entry] : entries_) end(entry);
  changed_.notify_one();
}

bool OpenConnections::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace dormouse
