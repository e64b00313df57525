// vectorised: functions compiled for several kinds of CPU, of which the one at hand runs its own.
#pragma once

/// Before the definition of a function whose loops the compiler turns into vector code:
///   PELLUCID_VECTORISED void add(float* sums, const float* terms, std::int64_t count) { ... }
/// What it calls must be inlined into it. Fused operations may differ from one kind of CPU to the
/// other in the last bit. Nothing where a compiler or a sanitizer has no such functions.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PELLUCID_VECTORISED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PELLUCID_VECTORISED
#endif
