// A JSON Patch (RFC 6902) that only adds.
#pragma once

#include <Poco/Dynamic/Var.h>

#include <set>
#include <string>
#include <vector>

#include "injector/json.h"

namespace dormouse::injector {

/// A path of member names, the outermost first: {"spec", "volumes"}.
using JsonPath = std::vector<std::string>;

/// RFC 6901: each name after a '/', with '~' written as "~0" and '/' as "~1".
std::string toPointer(const JsonPath& path);

/// Collects the operations that bring additions into a document. Every operation is an `add`;
/// objects and lists that are absent (or null) on the way are created first. Nothing that is there
/// is removed, and nothing but a member that is set anew is replaced.
class Patch {
 public:
  /// The document is looked at, never changed, and may not change while the patch is made. All
  /// members throw std::invalid_argument if a parent has another type than the path needs.
  explicit Patch(JsonObject document) : document_(std::move(document)) {}

  /// Sets the member at the end of the path, which must not lead through a list. Nothing happens if
  /// it is a string that is there already.
  void set(const JsonPath& path, const Poco::Dynamic::Var& value);
  /// Adds an element to the list at the path: behind all others.
  void append(const JsonPath& path, const Poco::Dynamic::Var& value);
  /// … or in front of them.
  void prepend(const JsonPath& path, const Poco::Dynamic::Var& value);

  bool empty() const { return operations_->size() == 0; }
  /// The list of operations, to be applied in order.
  const JsonArray& operations() const { return operations_; }
  std::string toText() const { return injector::toText(operations_); }

 private:
  /// The object that holds the last name of the path; null if this patch has created it.
  JsonObject parentOf(const JsonPath& path);
  void insert(const JsonPath& path, const std::string& position, const Poco::Dynamic::Var& value);
  void addOperation(const std::string& pointer, const Poco::Dynamic::Var& value);

  JsonObject document_;
  JsonArray operations_ = newArray();
  std::set<std::string> created_;  // Pointers of objects and lists this patch has added.
};

}  // namespace dormouse::injector
