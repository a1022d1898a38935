export function Footer() {
  return (
    <footer className="border-rule border-t">
      <p className="mx-auto max-w-6xl px-4 py-8 text-muted text-sm sm:px-6">
        A finding is evidence to weigh, not proof. Do not publish, accuse or take down on it alone.
      </p>
    </footer>
  );
}
