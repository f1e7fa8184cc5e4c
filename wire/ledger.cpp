#include "wire/ledger.h"

#include <cassert>
#include <numeric>
#include <stdexcept>

#include "common/quote.h"
#include "wire/strict_json.h"

namespace dormouse::wire {
namespace {

Poco::JSON::Object::Ptr accountToJson(const Account& account) {
  Poco::JSON::Object::Ptr skipped = new Poco::JSON::Object;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    if (account.skipped[i] == 0) continue;
    skipped->set(std::string(reasonName(static_cast<Reason>(i))), Poco::UInt64{account.skipped[i]});
  }
  Poco::JSON::Object::Ptr object = new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
  object->set("seen", Poco::UInt64{account.seen});
  object->set("open", Poco::UInt64{account.open});
  object->set("delivered", Poco::UInt64{account.delivered});
  object->set("skipped", skipped);
  return object;
}

std::uint64_t countOf(const Poco::JSON::Object& object, const std::string& where,
                      const std::string& name) {
  const auto count = jsonUnsigned(object.get(name));
  if (!count) throw std::invalid_argument(where + name + ": a count is wanted");
  return *count;
}

Poco::JSON::Object::Ptr memberOf(const Poco::JSON::Object& object, const std::string& where,
                                 const std::string& name) {
  auto member = jsonObject(object.get(name));
  if (!member) throw std::invalid_argument(where + name + ": an object is wanted");
  return member;
}

Account accountFromJson(const Poco::JSON::Object& ledger, const std::string& name) {
  const auto object = memberOf(ledger, "", name);
  const std::string where = name + ".";
  Account account;
  account.seen = countOf(*object, where, "seen");
  account.open = countOf(*object, where, "open");
  account.delivered = countOf(*object, where, "delivered");
  const auto skipped = memberOf(*object, where, "skipped");
  for (const std::string& key : skipped->getNames()) {
    const auto reason = parseReason(key);
    if (!reason || *reason == Reason::kNone) {
      throw std::invalid_argument(where + "skipped: unknown reason " + inQuotes(key));
    }
    account.skipped[static_cast<std::size_t>(*reason)] = countOf(*skipped, where + "skipped.", key);
  }
  return account;
}

}  // namespace

std::uint64_t Account::skippedTotal() const {
  return std::accumulate(skipped.begin(), skipped.end(), std::uint64_t{0});
}

void Account::skip(Reason reason, std::uint64_t count) {
  assert(reason != Reason::kNone);
  seen += count;
  skipped[static_cast<std::size_t>(reason)] += count;
}

void Account::settle(Reason fate, std::uint64_t count) {
  assert(count <= open);
  open -= count;
  if (fate == Reason::kNone) {
    delivered += count;
  } else {
    skipped[static_cast<std::size_t>(fate)] += count;
  }
}

Poco::JSON::Object::Ptr toJson(const Ledger& ledger) {
  Poco::JSON::Object::Ptr object = new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
  object->set("packets", accountToJson(ledger.packets));
  object->set("connections", accountToJson(ledger.connections));
  object->set("requests", accountToJson(ledger.requests));
  if (ledger.responses) object->set("responses", accountToJson(*ledger.responses));
  object->set("bytes", Poco::UInt64{ledger.bytes});
  return object;
}

Ledger ledgerFromJson(const Poco::JSON::Object& object) {
  Ledger ledger;
  ledger.packets = accountFromJson(object, "packets");
  ledger.connections = accountFromJson(object, "connections");
  ledger.requests = accountFromJson(object, "requests");
  if (object.has("responses")) ledger.responses = accountFromJson(object, "responses");
  ledger.bytes = countOf(object, "", "bytes");
  return ledger;
}

}  // namespace dormouse::wire
