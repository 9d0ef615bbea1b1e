#include "runtime/report.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace wharf::runtime {

void Report::send(const base::Failure& failure, News news) {
  if (notes_ != nullptr) {
    notes_->error = failure.error;
    std::memcpy(notes_->text, failure.text.c_str(),
                std::min(failure.text.size() + 1, sizeof notes_->text - 1));
    ::_exit(1);
  }
  send_news(channel_, news, failure.error, failure.text.view());
  ::_exit(1);
}

void Report::expect(News news) {
  Message message;
  if (!receive(channel_, message) || message.news != news) ::_exit(1);
}

}  // namespace wharf::runtime
