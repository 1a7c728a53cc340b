"""Results that outlive the kernel: self-contained HTML, static pictures and plain records."""
