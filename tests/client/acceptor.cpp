#include "tests/client/acceptor.h"

#include <Poco/Exception.h>
#include <sys/socket.h>

#include <utility>

namespace dormouse::client {

Acceptor::Acceptor(std::unique_ptr<Poco::Net::ServerSocket> listener, Serve serve)
    : listener_(std::move(listener)), serve_(std::move(serve)), port_(listener_->address().port()) {
  acceptor_ = std::thread([this] { accept(); });
}

Acceptor::~Acceptor() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    // The descriptor itself, not Poco's TLS shutdown: a thread may be using the object.
    for (auto& socket : sockets_) ::shutdown(socket.impl()->sockfd(), SHUT_RDWR);
  }
  ::shutdown(listener_->impl()->sockfd(), SHUT_RDWR);
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
}

void Acceptor::accept() {
  while (true) {
    try {
      Poco::Net::StreamSocket socket = listener_->acceptConnection();
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket]() mutable { serve_(socket); });
    } catch (const Poco::Exception&) {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
    }
  }
}

}  // namespace dormouse::client
