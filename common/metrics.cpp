#include "common/metrics.h"

#include <prometheus/text_serializer.h>

#include <iterator>
#include <sstream>

namespace dormouse {

void Metrics::add(const std::weak_ptr<prometheus::Collectable>& source) {
  const std::lock_guard lock(mutex_);
  sources_.push_back(source);
}

std::string Metrics::render() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  std::vector<std::weak_ptr<prometheus::Collectable>> sources;
  {
    const std::lock_guard lock(mutex_);
    sources = sources_;
  }
  for (const auto& weak : sources) {
    if (const auto source = weak.lock()) {
      auto more = source->Collect();
      std::move(more.begin(), more.end(), std::back_inserter(families));
    }
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

}  // namespace dormouse
