#include "tests/client/local_program.h"

#include <Poco/Exception.h>

#include <array>
#include <chrono>

namespace dormouse::client {
namespace {

std::unique_ptr<Poco::Net::ServerSocket> listen(int receiveBuffer) {
  auto listener = std::make_unique<Poco::Net::ServerSocket>();
  listener->bind(Poco::Net::SocketAddress("127.0.0.1", 0));
  if (receiveBuffer != 0) listener->setReceiveBufferSize(receiveBuffer);
  listener->listen();
  return listener;
}

}  // namespace

LocalProgram::LocalProgram(bool paused, int receiveBuffer)
    : paused_(paused),
      acceptor_(listen(receiveBuffer), [this](Poco::Net::StreamSocket& socket) { serve(socket); }) {
}

LocalProgram::~LocalProgram() {
  resume();
}

void LocalProgram::resume() {
  const std::lock_guard lock(mutex_);
  paused_ = false;
  changed_.notify_all();
}

std::vector<Received> LocalProgram::await(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(20), [&] { return received_.size() >= count; });
  return received_;
}

void LocalProgram::serve(Poco::Net::StreamSocket& socket) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !paused_; });
  }
  Received result;
  std::vector<char> buffer(65536);
  try {
    while (true) {
      const int n = socket.receiveBytes(buffer.data(), static_cast<int>(buffer.size()));
      if (n <= 0) break;
      result.bytes.append(buffer.data(), static_cast<std::size_t>(n));
    }
    result.clean = true;
  } catch (const Poco::Exception&) {
    result.clean = false;
  }
  try {
    if (result.clean) socket.sendBytes("HTTP/1.1 200 OK\r\n\r\n", 19);
    socket.shutdown();
  } catch (const Poco::Exception&) {
    // The client need not wait for the answer.
  }
  const std::lock_guard lock(mutex_);
  received_.push_back(std::move(result));
  changed_.notify_all();
}

}  // namespace dormouse::client
