#include "tests/client/fake_sidecar.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/Net/ServerSocket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <sstream>

namespace dormouse::client {
namespace {

std::unique_ptr<Poco::Net::ServerSocket> listen(const Poco::Net::Context::Ptr& context) {
  auto listener = context.isNull() ? std::make_unique<Poco::Net::ServerSocket>()
                                   : std::make_unique<Poco::Net::SecureServerSocket>(context);
  listener->bind(Poco::Net::SocketAddress("127.0.0.1", 0));
  listener->listen();
  return listener;
}

}  // namespace

bool Call::send(std::string_view bytes, std::size_t chunk) {
  try {
    while (!bytes.empty()) {
      const int size = static_cast<int>(std::min({chunk, bytes.size(), std::size_t{1} << 20}));
      const int n = socket_.sendBytes(bytes.data(), size);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  } catch (const Poco::Exception&) {
    return false;
  }
}

void Call::answer(int status, const std::string& body, const std::string& type) {
  send("HTTP/1.0 " + std::to_string(status) + " Scripted\r\nContent-Type: " + type +
       "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

void Call::beginStream(const std::string& mirror) {
  send("HTTP/1.0 200 OK\r\nDormouse-Mirror: " + mirror + "\r\n\r\n");
}

void Call::awaitClose() {
  std::array<char, 256> scratch{};
  try {
    while (socket_.receiveBytes(scratch.data(), static_cast<int>(scratch.size())) > 0) {
    }
  } catch (const Poco::Exception&) {
    return;  // Reset: closed as well.
  }
}

void Call::reset() {
  socket_.setLinger(true, 0);
  socket_.close();
}

FakeSidecar::FakeSidecar(Poco::Net::Context::Ptr context)
    : secure_(!context.isNull()),
      acceptor_(listen(context), [this](Poco::Net::StreamSocket& socket) { serve(socket); }) {}

std::string FakeSidecar::url() const {
  return std::string(secure_ ? "https" : "http") +
         "://127.0.0.1:" + std::to_string(acceptor_.port());
}

std::vector<std::string> FakeSidecar::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

bool FakeSidecar::awaitCall(const std::string& start) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
    return std::any_of(calls_.begin(), calls_.end(),
                       [&](const std::string& call) { return call.starts_with(start); });
  });
}

void FakeSidecar::serve(Poco::Net::StreamSocket& socket) {
  std::string head;
  std::array<char, 1> byte{};
  try {
    while (!head.ends_with("\r\n\r\n")) {
      if (socket.receiveBytes(byte.data(), 1) <= 0) return;
      head += byte[0];
    }
  } catch (const Poco::Exception&) {
    return;
  }
  Script script = [](Call& call) { call.answer(404, R"({"detail":"not scripted"})"); };
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back(head);
    for (const auto& [start, candidate] : scripts_) {
      if (head.starts_with(start)) script = candidate;
    }
  }
  changed_.notify_all();
  Call call(head, socket);
  script(call);
  try {
    socket.shutdown();
  } catch (const Poco::Exception&) {
    return;  // The script or the client closed it.
  }
}

std::vector<std::string> words(const FakeSidecar& sidecar, std::vector<std::string> more) {
  more.insert(more.end(), {"--url", sidecar.url(), "--token", "secret"});
  return more;
}

std::string reportJson(const wire::Ledger& ledger, const std::string& state,
                       const std::string& verdict) {
  Poco::JSON::Object object;
  object.set("id", "m-0123456789ab");
  object.set("owner", "ana");
  object.set("state", state);
  object.set("ledger", wire::toJson(ledger));
  object.set("verdict", verdict);
  std::ostringstream text;
  object.stringify(text);
  return text.str();
}

wire::Ledger deliveredLedger(std::uint64_t connections) {
  wire::Ledger ledger;
  ledger.connections.seen = ledger.connections.delivered = connections;
  ledger.packets.seen = ledger.packets.delivered = connections;
  ledger.bytes = 100 * connections;
  return ledger;
}

}  // namespace dormouse::client
