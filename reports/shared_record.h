// How do several reports read one record of the run?
#pragma once

#include <memory>
#include <utility>

#include "reports/record.h"

namespace holdfast::reports {

/// Keeps the record that other sinks read: it must hear each event before they do.
class RecordKeeper : public EventSink {
 public:
  explicit RecordKeeper(std::shared_ptr<RunRecord> record) : record_(std::move(record)) {}
  void on(const Event& event) override { record_->add(event); }

 private:
  std::shared_ptr<RunRecord> record_;
};

/// The record that a report reads: one that a RecordKeeper keeps, or, without that, its own.
class ReportRecord {
 public:
  ReportRecord(RunRecord::Now now, std::shared_ptr<const RunRecord> shared)
      : own_(shared ? nullptr : std::make_shared<RunRecord>(std::move(now))),
        read_(shared ? std::move(shared) : own_) {}

  void add(const Event& event) {
    if (own_) own_->add(event);
  }
  const RunRecord& operator*() const { return *read_; }

 private:
  std::shared_ptr<RunRecord> own_;
  std::shared_ptr<const RunRecord> read_;
};

}  // namespace holdfast::reports
