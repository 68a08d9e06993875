// Which bits of which register may differ after a kexec, and why?
#pragma once

#include <cstdint>
#include <string>

#include "harness/pci/pci_registers.h"

namespace holdfast::pci {

/// What the rules need to know about a function.
struct Situation {
  bool reset = false;           ///< promised to come out reset and idle
  bool bridge = false;          ///< header type 1
  bool bound_before = false;    ///< some driver had it in kernel A
  bool bound_after = false;     ///< some driver has it in kernel B
  bool native_after = false;    ///< ... that is not a vfio one
  bool driver_changed = false;  ///< not the same driver on both sides
};

/// What the table says about a register that changed.
struct Judgement {
  uint64_t forbidden_bits = 0;  ///< changed bits that no rule covers
  std::string reason;           ///< why the others may change, each reason once; empty when all are forbidden
};

Judgement judge(const Register& reg, uint64_t before, uint64_t after, const Situation& situation);

}  // namespace holdfast::pci
