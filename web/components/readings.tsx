/** A name, a value, and the limit it has to keep. */
export type Reading = [name: string, value: string, limit?: string];

export function Readings({ caption, rows }: { caption: string; rows: Reading[] }) {
  return (
    <table className="mt-5 w-full text-sm">
      <caption className="pb-1 text-left text-muted text-xs">{caption}</caption>
      <tbody>
        {rows.map(([name, value, limit]) => (
          <tr key={name} className="border-rule border-t">
            <th scope="row" className="py-1.5 text-left font-normal">
              {name}
              {limit && <span className="ml-2 text-muted text-xs">{limit}</span>}
            </th>
            <td className="reading py-1.5 text-right">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
