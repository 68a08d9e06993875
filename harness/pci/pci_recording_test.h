// What did a recorded machine look like, and what would it look like with something broken? For tests only.
//
// fixtures/pci holds recordings of one emulated machine: root ports, a switch, a conventional bridge and six endpoints,
// before a kexec, after a plain one, and after one into a kernel that was told to renumber its buses. The config space
// is in lspci's format, lines of zeros left out; a line with a tab says what sysfs said.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/pci/pci.h"

namespace holdfast::pci_recording {

inline constexpr std::string_view kE1000e = "0000:03:00.0";  ///< native driver, MSI-X on
inline constexpr std::string_view kOtherE1000e = "0000:09:00.0";
inline constexpr std::string_view kNvme = "0000:02:00.0";
inline constexpr std::string_view kEdu = "0000:05:01.0";  ///< conventional PCI, no driver
inline constexpr std::string_view kPort = "0000:00:03.0";

/// A recorded machine, to be changed into what the next kernel would see if that had happened.
class Machine {
 public:
  explicit Machine(const std::string& name = "q35-before.txt");

  /// What sysfs says of a function.
  wire::PciFunction& at(std::string_view bdf);
  /// Writes, flips bits of, and resizes the config space.
  Machine& set(std::string_view bdf, size_t offset, const std::vector<uint8_t>& bytes);
  Machine& flip(std::string_view bdf, size_t offset, uint8_t bits);
  Machine& shorten(std::string_view bdf, uint32_t size);
  Machine& remove(std::string_view bdf);
  /// As a text alone tells it, which knows no paths.
  Machine& forget_paths();

  wire::PciListReply& reply() { return reply_; }
  PciSnapshot snapshot() const;

 private:
  /// Where the function's config space begins in the blob.
  std::ptrdiff_t start_of(std::string_view bdf) const;
  wire::PciListReply reply_;
};

/// compare() with the recorded machine before the kexec.
std::vector<PciChange> changes_to(const Machine& after, const PciExpectation& expectation = {});

/// "0000:03:00.0 Command" for each change.
std::vector<std::string> names(const std::vector<PciChange>& changes);

}  // namespace holdfast::pci_recording
