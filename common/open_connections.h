// The sockets a server's threads are busy with: to end them all, or the least useful one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace dormouse {

/// One per server. Any thread may call. Knows descriptors, owns none of them: a connection removes
/// itself before it closes or gives away its socket.
class OpenConnections {
 public:
  using Id = std::uint64_t;

  /// After stop(), the socket is shut down at once.
  Id add(int fd);
  void remove(Id id);
  /// While a handler runs, the connection is not chosen by awaitRoom().
  void setServing(Id id, bool serving);
  /// The connection has brought a valid request.
  void trust(Id id);

  /// Returns once fewer than `limit` connections are open; false after stop(). If there are as
  /// many, one is shut down: the oldest that has not brought a valid request, else the oldest that
  /// is waiting for one. So nobody who merely connects can keep others out.
  bool awaitRoom(std::size_t limit);

  /// Shuts every socket down, now and whenever one is added.
  void stop();
  bool stopping() const;

 private:
  struct Entry {
    int fd = -1;
    bool serving = false;
    bool trusted = false;
    bool ending = false;
  };
  static void end(Entry& entry);
  void endLeastUseful();

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // One is gone or may be ended, or everything stops.
  std::map<Id, Entry> entries_;      // Oldest first.
  Id lastId_ = 0;
  bool stopping_ = false;
};

}  // namespace dormouse
